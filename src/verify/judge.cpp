// From what the nodes printed to the matrix.
#include <algorithm>
#include <map>

#include "bringup/verify/checks.hpp"
#include "bringup/verify/peers.hpp"
#include "cable.hpp"
#include "judge_reach.hpp"
#include "judged.hpp"
#include "notes.hpp"

namespace bringup::verify {

Finding finding_of(const Diagnosis& diagnosis, plan::Severity severity) {
  return {severity,
          diagnosis.layer,
          diagnosis.target.empty() ? diagnosis.node : diagnosis.node + ":" + diagnosis.target,
          diagnosis.seen,
          diagnosis.expected,
          diagnosis.cure,
          diagnosis.meaning,
          diagnosis.id};
}

namespace {

// What the profilers of both ends say of the cable.
void judge_cable(Judged& j) {
  const std::size_t link = *j.cell.link;
  const std::string declared = j.fleet.link_name(j.link);
  switch (j.cables.links[link]) {
    case topology::CableState::not_thunderbolt:
      j.settle(CellStatus::skipped);
      return;
    case topology::CableState::unknown:
      j.unmeasured();
      return;
    case topology::CableState::right:
    case topology::CableState::wrong:
      break;
  }
  CellStatus worst = CellStatus::pass;
  for (const auto& finding : j.cables.findings) {
    if (std::find(finding.links.begin(), finding.links.end(), link) == finding.links.end()) {
      continue;
    }
    if (finding.severity == topology::CableSeverity::error) {
      worst = CellStatus::fail;
      j.verdict(CheckKind::cable, worst, "cable", finding.seen, finding.expected);
      j.settle(worst, diagnosis_of(j.fleet, finding));
    }
  }
  if (worst != CellStatus::pass) return;
  j.verdict(CheckKind::cable, CellStatus::pass, "cable", declared, declared);
  j.settle(CellStatus::pass);
}

void judge_linked(Judged& j) {
  const auto& only = j.options.only;
  if (!only.empty() && std::none_of(only.begin(), only.end(), is_of_links)) {
    j.settle(CellStatus::skipped);
    return;
  }
  if (wanted(j.options, CheckKind::cable)) judge_cable(j);
  judge_route_and_ping(j);
  if (wanted(j.options, CheckKind::mtu)) judge_mtu(j);
  if (wanted(j.options, CheckKind::tcp)) judge_tcp(j);
  if (wanted(j.options, CheckKind::iperf)) judge_iperf(j);
  if (wanted(j.options, CheckKind::rdma)) {
    if (applies(j.link, CheckKind::rdma)) {
      judge_rdma(j);
    } else {
      j.settle(CellStatus::skipped);
    }
  }
}

}  // namespace

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const CheckOptions& options) {
  return judge(fleet, selected, evidence, {}, options);
}

Matrix judge(const model::Fleet& fleet, const std::vector<std::size_t>& selected,
             const std::vector<NodeEvidence>& evidence, const std::vector<Measurement>& measured,
             const CheckOptions& options) {
  Matrix matrix;
  matrix.fleet = fleet.name;
  for (const std::size_t node : selected) matrix.nodes.push_back(fleet.nodes[node].name);
  for (const auto& word : check_kind_words()) {
    const auto kind = *parse_check_kind(word);
    if (wanted(options, kind)) matrix.checks.push_back(kind);
  }

  for (const std::size_t node : selected) {
    if (!evidence[node].error) continue;
    add_finding(matrix,
                finding_of(no_session(fleet, node, *evidence[node].error), plan::Severity::error));
  }
  const topology::CableReport cables = cable_report(fleet, evidence);
  for (auto& finding : fleet_findings(fleet, evidence, cables)) {
    add_finding(matrix, std::move(finding));
  }
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> links;  // by both orders
  for (std::size_t index = 0; index < fleet.links.size(); ++index) {
    const auto& ends = fleet.links[index].ends;
    links[{ends[0].node, ends[1].node}].push_back(index);
    links[{ends[1].node, ends[0].node}].push_back(index);
  }
  // Several measurements of one direction (TCP by itself, iperf by itself) make one.
  std::map<std::pair<std::size_t, std::size_t>, Measurement> known;  // link, from
  for (const Measurement& one : measured) {
    Measurement& all = known[{one.link, one.from}];
    if (!one.tcp.empty()) all.tcp = one.tcp;
    if (one.iperf) all.iperf = one.iperf;
    if (one.rdma) all.rdma = one.rdma;
  }
  for (const std::size_t from : selected) {
    for (const std::size_t to : selected) {
      if (from == to) continue;
      const auto between = links.find({from, to});
      if (between == links.end()) {
        Cell cell;
        cell.from = from;
        cell.to = to;
        cell.status = CellStatus::unlinked;
        matrix.cells.push_back(std::move(cell));
        continue;
      }
      for (const std::size_t index : between->second) {
        const model::Link& link = fleet.links[index];
        const std::size_t side = link.ends[0].node == from ? 0 : 1;
        const auto figures = known.find({index, from});
        Judged j{fleet,
                 link,
                 link.ends[side],
                 link.ends[1 - side],
                 evidence,
                 options,
                 figures == known.end() ? nullptr : &figures->second,
                 cables,
                 {}};
        j.cell.from = from;
        j.cell.to = to;
        j.cell.link = index;
        judge_linked(j);
        for (auto& finding : j.findings) add_finding(matrix, std::move(finding));
        matrix.cells.push_back(std::move(j.cell));
      }
    }
  }
  if (wanted(options, CheckKind::reach)) judge_reach(fleet, selected, evidence, options, matrix);
  for (const auto& note : node_notes(fleet, selected, evidence)) {
    add_finding(matrix, finding_of(note, plan::Severity::warning));
  }
  return matrix;
}

}  // namespace bringup::verify
