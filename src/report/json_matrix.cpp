#include "json_matrix.hpp"

#include "bringup/report/json.hpp"
#include "bringup/util/text.hpp"
#include "cells.hpp"
#include "json_services.hpp"

namespace bringup::report {
namespace {

Json json_of(const std::optional<platform::PingResult>& ping) {
  if (!ping) return nullptr;
  return {{"transmitted", ping->transmitted},      {"received", ping->received},
          {"loss_percent", ping->loss_percent},    {"min_ms", nullable(ping->min_ms)},
          {"avg_ms", nullable(ping->avg_ms)},      {"max_ms", nullable(ping->max_ms)},
          {"stddev_ms", nullable(ping->stddev_ms)}};
}

Json json_of(const std::optional<verify::MtuResult>& mtu) {
  if (!mtu) return nullptr;
  return {{"largest_packet", nullable(mtu->largest_packet)},
          {"mtu_from", nullable(mtu->mtu_from)},
          {"mtu_to", nullable(mtu->mtu_to)},
          {"declared", nullable(mtu->declared)},
          {"error", clean(mtu->error)}};
}

Json json_of(const std::vector<verify::TcpResult>& results) {
  Json list = Json::array();
  for (const auto& tcp : results) {
    list.push_back({{"port", tcp.port},
                    {"reachable", tcp.reachable},
                    {"by", verify::to_string(tcp.by)},
                    {"error", clean(tcp.error)}});
  }
  return list;
}

Json json_of(const std::optional<verify::IperfResult>& iperf) {
  if (!iperf) return nullptr;
  Json json = {{"gbps", nullable(iperf->gbps)},
               {"retransmits", nullable(iperf->retransmits)},
               {"streams", nullptr},
               {"seconds", nullptr},
               {"failure", nullptr}};
  if (iperf->gbps) {
    json["streams"] = iperf->streams;
    json["seconds"] = iperf->seconds;
  }
  if (iperf->failure) {
    json["failure"] = {{"kind", verify::to_string(*iperf->failure)},
                       {"node", clean(iperf->node)},
                       {"error", clean(iperf->error)}};
  }
  return json;
}

Json json_of(const std::optional<verify::RdmaResult>& rdma) {
  if (!rdma) return nullptr;
  Json json = {{"means", means_words(rdma->means)},
               {"qp", rdma->qp == verify::QpType::uc ? "UC" : "RC"},
               {"from_device", clean(rdma->from_device)},
               {"to_device", clean(rdma->to_device)},
               {"from_gid_index", nullable(rdma->from_gid_index)},
               {"to_gid_index", nullable(rdma->to_gid_index)},
               {"attempts", rdma->attempts}};
  json["latency"] = Json::array();
  for (const auto& one : rdma->latency) {
    // Where nothing came back there is no time, and pingpong gives no percentiles.
    const bool answered = one.sent > one.lost;
    const auto known = [&](double us) { return answered && us > 0 ? Json(us) : Json(nullptr); };
    json["latency"].push_back(
        {{"bytes", one.bytes},
         {"sent", one.sent},
         {"lost", one.lost},
         {"p50_us", known(one.p50_us)},
         {"p99_us", known(one.p99_us)},
         {"mean_us", answered && one.mean_us ? Json(*one.mean_us) : Json(nullptr)}});
  }
  json["bandwidth"] = Json::array();
  for (const auto& one : rdma->bandwidth) {
    json["bandwidth"].push_back(
        {{"bytes", one.bytes}, {"sent", one.sent}, {"lost", one.lost}, {"gbps", one.gbps}});
  }
  json["failure"] = nullptr;
  if (rdma->failure) {
    json["failure"] = {
        {"layer", clean(rdma->failure->layer)}, {"verb", clean(rdma->failure->verb)},
        {"errno", rdma->failure->error_number}, {"node", clean(rdma->failure->node)},
        {"seen", clean(rdma->failure->seen)},   {"means", clean(rdma->failure->meaning)},
        {"cure", clean(rdma->failure->cure)}};
  }
  return json;
}

Json json_of(const std::vector<verify::Verdict>& verdicts) {
  Json list = Json::array();
  for (const auto& one : verdicts) {
    list.push_back({{"check", verify::to_string(one.check)},
                    {"source", verify::to_string(one.source)},
                    {"status", verify::to_string(one.status)},
                    {"what", clean(one.what)},
                    {"seen", clean(one.seen)},
                    {"expected", clean(one.expected)}});
  }
  return list;
}

Json json_of(const model::Fleet& fleet, const verify::Cell& cell) {
  Json json = {{"from", clean(fleet.nodes[cell.from].name)},
               {"to", clean(fleet.nodes[cell.to].name)},
               {"link", nullptr},
               {"from_interface", nullptr},
               {"to_interface", nullptr},
               {"from_address", nullptr},
               {"to_address", nullptr}};
  if (cell.link) {
    const auto& link = fleet.links[*cell.link];
    const std::size_t side = link.ends[0].node == cell.from ? 0 : 1;
    json["link"] = clean(fleet.link_name(link));
    json["from_interface"] = clean(link.ends[side].interface);
    json["to_interface"] = clean(link.ends[1 - side].interface);
    json["from_address"] = link.ends[side].address.to_string();
    json["to_address"] = link.ends[1 - side].address.to_string();
  }
  json["status"] = verify::to_string(cell.status);
  json["route"] = nullptr;
  if (cell.route_ok) {
    json["route"] = {{"ok", *cell.route_ok}, {"interface", clean(cell.route_interface)}};
  }
  json["ping"] = json_of(cell.ping);
  json["mtu"] = json_of(cell.mtu);
  json["tcp"] = json_of(cell.tcp);
  json["iperf"] = json_of(cell.iperf);
  json["rdma"] = json_of(cell.rdma);
  json["verdicts"] = json_of(cell.verdicts);
  json["diagnosis"] = diagnosis_json(cell.diagnosis);
  return json;
}

std::string_view answer_word(verify::Hop::Answer answer) {
  switch (answer) {
    case verify::Hop::Answer::exceeded:
      return "exceeded";
    case verify::Hop::Answer::reached:
      return "reached";
    case verify::Hop::Answer::refused:
      return "refused";
    case verify::Hop::Answer::silent:
      return "silent";
  }
  return "silent";
}

std::string_view answer_word(verify::LargePing::Answer answer) {
  switch (answer) {
    case verify::LargePing::Answer::replies:
      return "replies";
    case verify::LargePing::Answer::told:
      return "told";
    case verify::LargePing::Answer::none:
      return "none";
  }
  return "none";
}

Json json_of(const model::Fleet& fleet, const verify::ReachCell& cell) {
  const auto& check = cell.check;
  const auto address = [](const std::optional<model::Ipv4>& one) {
    return one ? Json(one->to_string()) : Json(nullptr);
  };
  Json json = {{"from", clean(fleet.nodes[check.from].name)},
               {"to", check.to ? Json(clean(fleet.nodes[*check.to].name)) : Json(nullptr)},
               {"address", address(check.address)},
               {"kind", verify::to_string(check.kind)},
               {"expected", verify::to_string(check.wish)},
               {"status", verify::to_string(cell.status)},
               {"route", nullptr}};
  if (cell.route_interface) {
    json["route"] = {{"interface", clean(*cell.route_interface)}, {"via", address(cell.route_via)}};
  }
  json["ping"] = json_of(cell.ping);
  json["large"] = nullptr;
  if (cell.large) {
    json["large"] = {{"bytes", cell.large->bytes}, {"answer", answer_word(cell.large->answer)}};
  }
  json["tcp"] = cell.tcp ? Json(*cell.tcp) : Json(nullptr);
  json["hops"] = nullable(cell.hops);
  json["path"] = Json::array();
  for (const auto& hop : cell.path) {
    json["path"].push_back(
        {{"answer", answer_word(hop.answer)},
         {"address", address(hop.address)},
         {"node", hop.node ? Json(clean(fleet.nodes[*hop.node].name)) : Json(nullptr)}});
  }
  json["iperf"] = json_of(cell.iperf);
  json["verdicts"] = json_of(cell.verdicts);
  json["diagnosis"] = diagnosis_json(cell.diagnosis);
  return json;
}

}  // namespace

std::string clean(std::string_view text) {
  return printable(text, 2000);
}

Json diagnosis_json(const std::optional<verify::Diagnosis>& diagnosis) {
  if (!diagnosis) return nullptr;
  return {{"id", clean(diagnosis->id)},         {"layer", clean(diagnosis->layer)},
          {"node", clean(diagnosis->node)},     {"target", clean(diagnosis->target)},
          {"seen", clean(diagnosis->seen)},     {"expected", clean(diagnosis->expected)},
          {"means", clean(diagnosis->meaning)}, {"cure", clean(diagnosis->cure)}};
}

Json findings_json(const std::vector<verify::Finding>& findings) {
  Json list = Json::array();
  for (const auto& found : findings) {
    list.push_back({{"severity", to_string(found.severity)},
                    {"id", clean(found.id)},
                    {"layer", clean(found.layer)},
                    {"target", clean(found.target)},
                    {"seen", clean(found.seen)},
                    {"expected", clean(found.expected)},
                    {"means", clean(found.meaning)},
                    {"cure", clean(found.cure)}});
  }
  return list;
}

Json matrix_json(const model::Fleet& fleet, const verify::Matrix& matrix) {
  using verify::CellStatus;
  Json json = {{"schema", "bringup.verify/1"}, {"fleet", clean(matrix.fleet)}};
  json["nodes"] = Json::array();
  for (const auto& name : matrix.nodes) json["nodes"].push_back(clean(name));
  json["checks"] = Json::array();
  for (const auto kind : matrix.checks) json["checks"].push_back(verify::to_string(kind));
  Json summary = {{"green", matrix.green()}};
  for (const auto status :
       {CellStatus::pass, CellStatus::slow, CellStatus::fail, CellStatus::unlinked,
        CellStatus::untested, CellStatus::unreachable, CellStatus::error, CellStatus::skipped}) {
    summary[std::string(verify::to_string(status))] = matrix.count(status);
  }
  json["summary"] = std::move(summary);
  json["cells"] = Json::array();
  for (const auto& cell : matrix.cells) json["cells"].push_back(json_of(fleet, cell));
  json["reach"] = Json::array();
  for (const auto& cell : matrix.reach) json["reach"].push_back(json_of(fleet, cell));
  if (matrix.has(verify::CheckKind::services)) {
    json["services"] = json_services(fleet, matrix);
  }
  if (matrix.has(verify::CheckKind::discovery)) {
    json["discovery"] = json_discovery(fleet, matrix);
  }
  json["findings"] = findings_json(matrix.findings);
  return json;
}

std::string json_verify(const model::Fleet& fleet, const verify::Matrix& matrix) {
  return matrix_json(fleet, matrix).dump(2) + "\n";
}

}  // namespace bringup::report
