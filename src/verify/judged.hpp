#pragma once
// One directed cell while it is being judged. Internal to the room.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bringup/util/text.hpp"
#include "bringup/verify/checks.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "diagnose.hpp"

namespace bringup::verify {

Finding finding_of(const Diagnosis& diagnosis, plan::Severity severity);

// "sudo ip link set dev eth0 mtu 1500", or a Mac's.
std::string mtu_command(facts::Os os, const std::string& interface, std::uint32_t mtu);

// One directed cell of one link. The worst check stands for the cell.
struct Judged {
  const model::Fleet& fleet;
  const model::Link& link;
  const model::LinkEnd& from;
  const model::LinkEnd& to;
  const std::vector<NodeEvidence>& evidence;
  const CheckOptions& options;
  const Measurement* measured;  // null: none
  const topology::CableReport& cables;
  Cell cell = {};
  bool decided = false;
  std::vector<Finding> findings = {};

  [[nodiscard]] const std::string& name(const model::LinkEnd& end) const {
    return fleet.nodes[end.node].name;
  }
  [[nodiscard]] std::string place(const model::LinkEnd& end) const {
    return name(end) + ":" + end.interface;
  }
  // A diagnosis at the sending end, with the words about its peer.
  [[nodiscard]] Diagnosis here(std::string_view id, Words words = {}) const {
    return at(from, to, id, std::move(words));
  }
  [[nodiscard]] Diagnosis at(const model::LinkEnd& end, const model::LinkEnd& peer,
                             std::string_view id, Words words = {}) const {
    words.emplace_back("peer", place(peer));
    words.emplace_back("peer_node", name(peer));
    words.emplace_back("address", peer.address.to_string());
    return diagnose(id, name(end), end.interface, words);
  }
  [[nodiscard]] const model::LinkEnd& end_named(const std::string& node) const {
    return node == name(to) ? to : from;
  }

  // `what` is the verdict's word for a figure that is slow.
  void settle(CellStatus status, std::optional<Diagnosis> diagnosis = std::nullopt,
              std::string_view what = {}) {
    if (diagnosis) {
      cell.diagnoses.push_back(*diagnosis);
      findings.push_back(finding_of(*diagnosis, status == CellStatus::slow
                                                    ? plan::Severity::warning
                                                    : plan::Severity::error));
      findings.back().what = what;
      findings.back().link = cell.link;
    }
    if (decided && badness(status) <= badness(cell.status)) return;
    decided = true;
    cell.status = status;
    cell.diagnosis = std::move(diagnosis);
  }
  void tool_failed(std::string_view tool, const std::string& problem) {
    settle(CellStatus::error, Diagnosis{std::string(tool), name(from), from.interface,
                                        fmt::format("{}: {}", tool, problem),
                                        fmt::format("an answer of {} that can be read", tool),
                                        fmt::format("run it by hand on {}", name(from))});
  }
  void fail(Diagnosis fallback) {
    auto first = first_broken_layer(fleet, *cell.link, evidence, cables);
    settle(CellStatus::fail, first ? std::move(first) : std::move(fallback));
  }
  void verdict(CheckKind check, CellStatus status, std::string what, std::string seen,
               std::string expected) {
    cell.verdicts.push_back({check, VerdictSource::expectation, status, std::move(what),
                             std::move(seen), std::move(expected)});
  }
  // Every layer that could be read is right, yet nothing came back: the cable leads elsewhere, or
  // the peer is silent on purpose.
  [[nodiscard]] Diagnosis silent(const std::string& seen) const {
    return here("ping-silent", {{"seen", seen}});
  }
  // There is no record of a check that runs on the sending end.
  void absent(std::string_view check) {
    const auto& own = evidence[from.node];
    if (own.error) {
      settle(CellStatus::unreachable, no_session(fleet, from.node, *own.error));
    } else if (!own.frames.empty()) {
      tool_failed(check, "the node's answer lacks it");
    } else {
      settle(CellStatus::untested);
    }
  }
  // There is no measurement of a check that needs both ends.
  void unmeasured() {
    for (const auto* end : {&from, &to}) {
      if (!evidence[end->node].error) continue;
      settle(CellStatus::unreachable, no_session(fleet, end->node, *evidence[end->node].error));
      return;
    }
    settle(CellStatus::untested);
  }
};

// What the sending end's own checks say.
void judge_route_and_ping(Judged& j);
void judge_mtu(Judged& j);
// What was measured between both ends.
void judge_tcp(Judged& j);
void judge_iperf(Judged& j);
void judge_rdma(Judged& j);

}  // namespace bringup::verify
