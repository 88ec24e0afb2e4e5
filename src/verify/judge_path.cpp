// What the sending end's own checks say: its route, its pings and the largest packet.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "judged.hpp"
#include "observe.hpp"

namespace bringup::verify {
namespace {

constexpr std::uint32_t kMacsEcho = 8184 + 28;  // the largest packet of a Mac's ping

// A ping that ran: loss first, then speed.
void judge_ping(Judged& j, const platform::PingResult& ping) {
  const auto& expect = j.link.expect;
  const std::string lost =
      fmt::format("{} of {} pings lost", ping.transmitted - ping.received, ping.transmitted);
  if (ping.received == 0) {
    j.verdict(CheckKind::ping, CellStatus::fail, "loss", lost, "replies");
    j.fail(j.silent(fmt::format("no reply to {} pings", ping.transmitted)));
    return;
  }
  j.settle(CellStatus::pass);
  if (expect.loss_percent) {
    const std::string limit = fmt::format("at most {:g}% lost", *expect.loss_percent);
    const bool lossy = ping.loss_percent > *expect.loss_percent;
    j.verdict(CheckKind::ping, lossy ? CellStatus::fail : CellStatus::pass, "loss", lost, limit);
    if (lossy) {
      j.fail(j.here("ping-loss", {{"seen", lost}, {"expected", limit}}));
      return;
    }
  }
  if (!expect.rtt_avg_ms || !ping.avg_ms) return;
  const bool slow = *ping.avg_ms > *expect.rtt_avg_ms;
  const std::string limit = fmt::format("at most {:g} ms", *expect.rtt_avg_ms);
  j.verdict(CheckKind::ping, slow ? CellStatus::slow : CellStatus::pass, "rtt",
            fmt::format("{:.2f} ms", *ping.avg_ms), limit);
  if (!slow) return;
  j.settle(CellStatus::slow,
           j.here("ping-slow", {{"seen", fmt::format("rtt {:.2f} ms on average", *ping.avg_ms)},
                                {"expected", limit}}),
           "rtt");
}

}  // namespace

std::string mtu_command(facts::Os os, const std::string& interface, std::uint32_t mtu) {
  return os == facts::Os::linux_kernel
             ? fmt::format("sudo ip link set dev {} mtu {}", interface, mtu)
             : fmt::format("sudo ifconfig {} mtu {}", interface, mtu);
}

void judge_route_and_ping(Judged& j) {
  const auto& own = j.evidence[j.from.node];
  const auto os = os_of(own);
  const auto route = read_route(own.frames, *j.cell.link, os);
  const auto ping = read_ping(own.frames, *j.cell.link, os);
  const bool want_route = wanted(j.options, CheckKind::route);
  const bool want_ping = wanted(j.options, CheckKind::ping);
  if (!want_route && !want_ping) return;
  if ((want_route && !route.present) || (want_ping && !ping.present)) {
    j.absent(want_ping && !ping.present ? "ping" : "route");
    return;
  }

  j.cell.raw = route.raw + ping.raw;
  if (route.value) {
    j.cell.route_interface = printable(*route.value, 32);
    j.cell.route_ok = *route.value == j.from.interface;
  }
  if (want_ping) {
    j.cell.ping = ping.value;
    if (ping.value) {
      judge_ping(j, *ping.value);
    } else if (ping.refused) {
      j.fail(j.silent(ping.problem));
    } else {
      j.tool_failed("ping", ping.problem);
    }
  } else {
    j.settle(CellStatus::pass);
  }
  if (!want_route) return;

  if (j.cell.route_ok) {
    j.verdict(CheckKind::route, *j.cell.route_ok ? CellStatus::pass : CellStatus::fail, "route",
              j.cell.route_interface.empty() ? "no route" : j.cell.route_interface,
              j.from.interface);
  }
  if (j.cell.status == CellStatus::fail || j.cell.status == CellStatus::error) return;

  // Replies by another way than the link prove nothing about the link.
  if (j.cell.route_ok == false) {
    j.fail(wrong_route(j.fleet, j.from, j.to, *route.value, os));
  } else if (!j.cell.route_ok) {
    j.tool_failed("route", route.problem);
  }
}

namespace {

// The MTU that most ends of links of this kind have, where one stands out.
std::optional<std::uint32_t> usual_mtu(const Judged& j) {
  std::map<std::uint32_t, std::size_t> counts;
  for (std::size_t index = 0; index < j.fleet.links.size(); ++index) {
    if (j.fleet.links[index].kind != j.link.kind) continue;
    for (const auto& end : j.fleet.links[index].ends) {
      const auto reading = read_mtu(j.evidence[end.node].frames, index);
      if (reading.value) ++counts[reading.value->interface];
    }
  }
  std::optional<std::uint32_t> usual;
  std::size_t most = 0;
  for (const auto& [mtu, count] : counts) {
    if (count == most) usual.reset();
    if (count > most) usual = mtu;
    most = std::max(most, count);
  }
  return usual;
}

}  // namespace

void judge_mtu(Judged& j) {
  const auto own = read_mtu(j.evidence[j.from.node].frames, *j.cell.link);
  const auto peer = read_mtu(j.evidence[j.to.node].frames, *j.cell.link);
  if (!own.present) {
    j.absent("mtu");
    return;
  }
  j.cell.raw += own.raw;
  MtuResult result;
  result.declared = j.link.mtu;
  if (peer.value) result.mtu_to = peer.value->interface;
  if (!own.value) {
    result.error = own.problem;
    j.cell.mtu = result;
    j.tool_failed("mtu", own.problem);
    return;
  }
  const std::uint32_t mtu = own.value->interface;
  result.mtu_from = mtu;
  result.largest_packet = own.value->largest;
  if (!result.largest_packet) result.error = own.value->asked ? "no reply" : "not tried: no reply";
  j.cell.mtu = result;
  j.settle(CellStatus::pass);

  if (j.link.mtu) {
    for (const auto* end : {&j.link.ends[0], &j.link.ends[1]}) {
      const auto have = end->node == j.from.node ? result.mtu_from : result.mtu_to;
      if (!have || *have == *j.link.mtu) continue;
      j.verdict(CheckKind::mtu, CellStatus::fail, "mtu", std::to_string(*have),
                std::to_string(*j.link.mtu));
      j.fail(j.at(
          *end, end->node == j.from.node ? j.to : j.from, "mtu-declared",
          {{"mtu", std::to_string(*have)},
           {"expected", std::to_string(*j.link.mtu)},
           {"command", mtu_command(os_of(j.evidence[end->node]), end->interface, *j.link.mtu)}}));
      return;
    }
  }
  if (result.mtu_to && *result.mtu_to != mtu) {
    // Who differs from the others is to blame; without others, the one that takes less.
    const auto usual = usual_mtu(j);
    const bool own_is_usual = usual ? *usual == mtu : mtu > *result.mtu_to;
    const auto& blamed = own_is_usual ? j.to : j.from;
    const auto& other = own_is_usual ? j.from : j.to;
    const std::uint32_t wrong = own_is_usual ? *result.mtu_to : mtu;
    const std::uint32_t right = own_is_usual ? mtu : *result.mtu_to;
    j.verdict(CheckKind::mtu, CellStatus::fail, "mtu", fmt::format("{} to {}", mtu, *result.mtu_to),
              "the same at both ends");
    j.fail(
        j.at(blamed, other, "mtu-differs",
             {{"mtu", std::to_string(wrong)},
              {"peer_mtu", std::to_string(right)},
              {"expected", std::to_string(right)},
              {"command", mtu_command(os_of(j.evidence[blamed.node]), blamed.interface, right)}}));
    return;
  }
  if (!result.largest_packet) {
    if (own.value->asked) j.fail(j.silent("no reply to pings of any size"));
    return;
  }
  // An echo carries 65,507 bytes at most; a Mac sends 8,184 (net.inet.raw.maxdgram, with the ICMP
  // header), and a larger MTU is proved up to there.
  std::uint32_t most = std::min<std::uint32_t>(mtu, 65535);
  if (os_of(j.evidence[j.from.node]) == facts::Os::darwin && *result.largest_packet >= kMacsEcho) {
    most = std::min(most, *result.largest_packet);
  }
  const bool whole = *result.largest_packet >= most;
  j.verdict(CheckKind::mtu, whole ? CellStatus::pass : CellStatus::fail, "packet",
            fmt::format("{} bytes", *result.largest_packet), fmt::format("{} bytes", most));
  if (!whole) {
    j.fail(j.here("mtu-path", {{"largest", std::to_string(*result.largest_packet)},
                               {"expected", std::to_string(most)}}));
  }
}

}  // namespace bringup::verify
