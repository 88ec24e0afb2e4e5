#include "bringup/verify/baseline.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostCells = 1'000'000;
constexpr double kLeastBandwidth = 0.75;  // of what it was
constexpr double kMostLatency = 2;        // times what it was
constexpr double kLeastRttMs = 0.2;
constexpr int kDeepest = 16;

// Where a report is not one. Caught below.
struct Misfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const Json& member(const Json& object, const std::string& name, const std::string& at) {
  if (!object.is_object()) throw Misfit(at + " is no object");
  const auto found = object.find(name);
  if (found == object.end()) throw Misfit(fmt::format("{} has no {}", at, name));
  return *found;
}

std::string text_of(const Json& object, const std::string& name, const std::string& at) {
  const Json& value = member(object, name, at);
  if (!value.is_string()) throw Misfit(fmt::format("{}/{} is no text", at, name));
  return printable(value.get_ref<const std::string&>(), 400);
}

// A finite number that is not negative; unset for null.
std::optional<double> number_of(const Json& object, const std::string& name,
                                const std::string& at) {
  const Json& value = member(object, name, at);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number()) throw Misfit(fmt::format("{}/{} is no number", at, name));
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < 0) {
    throw Misfit(fmt::format("{}/{} is out of range", at, name));
  }
  return number;
}

// An object, or null, or (in older reports) not there.
const Json* part(const Json& cell, const std::string& name, const std::string& at) {
  const auto found = cell.find(name);
  if (found == cell.end() || found->is_null()) return nullptr;
  if (!found->is_object()) throw Misfit(fmt::format("{}/{} is no object", at, name));
  return &*found;
}

const Json& list(const Json& object, const std::string& name, const std::string& at) {
  const Json& value = member(object, name, at);
  if (!value.is_array()) throw Misfit(fmt::format("{}/{} is no array", at, name));
  return value;
}

void read_rdma(const Json& rdma, const std::string& at, BaselineCell& cell) {
  const auto failure = rdma.find("failure");
  if (failure != rdma.end() && !failure->is_null()) return;
  std::optional<double> smallest;
  for (const Json& one : list(rdma, "latency", at)) {
    const auto bytes = number_of(one, "bytes", at + "/latency");
    auto p50 = number_of(one, "p50_us", at + "/latency");
    if (!p50 && one.contains("mean_us")) p50 = number_of(one, "mean_us", at + "/latency");
    if (!bytes || !p50 || (smallest && *bytes >= *smallest)) continue;
    smallest = bytes;
    cell.figures[Metric::rdma_latency] = *p50;
  }
  for (const Json& one : list(rdma, "bandwidth", at)) {
    const auto gbps = number_of(one, "gbps", at + "/bandwidth");
    if (!gbps) continue;
    auto [slot, fresh] = cell.figures.try_emplace(Metric::rdma_bandwidth, *gbps);
    if (!fresh) slot->second = std::max(slot->second, *gbps);
  }
}

std::optional<BaselineCell> read_cell(const Json& json, const std::string& at) {
  BaselineCell cell;
  cell.from = text_of(json, "from", at);
  cell.to = text_of(json, "to", at);
  if (member(json, "link", at).is_null()) return std::nullopt;
  cell.link = text_of(json, "link", at);
  (void)text_of(json, "status", at);
  if (const Json* ping = part(json, "ping", at)) {
    if (const auto rtt = number_of(*ping, "avg_ms", at + "/ping")) {
      cell.figures[Metric::rtt] = *rtt;
    }
  }
  if (const Json* iperf = part(json, "iperf", at)) {
    if (const auto gbps = number_of(*iperf, "gbps", at + "/iperf")) {
      cell.figures[Metric::iperf] = *gbps;
    }
  }
  if (const Json* mtu = part(json, "mtu", at)) {
    if (const auto largest = number_of(*mtu, "largest_packet", at + "/mtu")) {
      if (*largest > 1e6) throw Misfit(at + "/mtu/largest_packet is out of range");
      cell.largest_packet = static_cast<std::uint32_t>(*largest);
    }
  }
  if (const Json* rdma = part(json, "rdma", at)) read_rdma(*rdma, at + "/rdma", cell);
  return cell;
}

Baseline read_report(const Json& json) {
  const std::string schema = text_of(json, "schema", "/");
  if (schema != "bringup.verify/1") throw Misfit("its schema is " + schema);
  Baseline baseline;
  baseline.fleet = text_of(json, "fleet", "/");
  const Json& green = member(member(json, "summary", "/"), "green", "/summary");
  if (!green.is_boolean()) throw Misfit("/summary/green is no boolean");
  baseline.green = green.get<bool>();
  const Json& cells = list(json, "cells", "/");
  if (cells.size() > kMostCells) throw Misfit("/cells has too many elements");
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (auto cell = read_cell(cells[i], fmt::format("/cells/{}", i))) {
      baseline.cells.push_back(std::move(*cell));
    }
  }
  return baseline;
}

bool much_worse(Metric metric, double now, double then) {
  if (higher_is_better(metric)) return now < kLeastBandwidth * then;
  if (metric == Metric::rtt && now - then <= kLeastRttMs) return false;
  return then > 0 && now > kMostLatency * then;
}

}  // namespace

Expected<Baseline> parse_baseline(std::string_view text) {
  constexpr std::string_view cure = "a report.json of bringup verify is needed";
  if (text.size() > kMaxBaseline) {
    return fail(ErrorCode::parse, "the baseline has more than 64 MiB", std::string(cure));
  }
  try {
    bool deep = false;
    const Json json = Json::parse(
        text,
        [&](int depth, Json::parse_event_t, Json&) {
          deep = deep || depth > kDeepest;
          return !deep;
        },
        /*allow_exceptions=*/true);
    if (deep) throw Misfit("it is nested too deep");
    return read_report(json);
  } catch (const Json::parse_error& error) {
    return fail(ErrorCode::parse, fmt::format("the baseline is no JSON (byte {})", error.byte),
                std::string(cure));
  } catch (const Json::exception&) {
    return fail(ErrorCode::parse, "the baseline is no JSON", std::string(cure));
  } catch (const Misfit& misfit) {
    return fail(ErrorCode::parse,
                fmt::format("the baseline is no report of verify: {}", misfit.what()),
                std::string(cure));
  }
}

void compare_with_baseline(const model::Fleet& fleet, const Baseline& baseline,
                           const std::string& name, Matrix& matrix) {
  std::map<std::tuple<std::string, std::string, std::string>, const BaselineCell*> then;
  for (const auto& cell : baseline.cells) then[{cell.link, cell.from, cell.to}] = &cell;
  for (Cell& cell : matrix.cells) {
    if (!cell.link) continue;
    const auto found = then.find({fleet.link_name(fleet.links[*cell.link]),
                                  fleet.nodes[cell.from].name, fleet.nodes[cell.to].name});
    if (found == then.end()) continue;
    const BaselineCell& old = *found->second;
    const auto compare = [&](CheckKind check, std::string_view what, bool slow,
                             const std::string& seen, const std::string& before) {
      const std::string expected = fmt::format("about {} as in {}", before, name);
      cell.verdicts.push_back({check, VerdictSource::baseline,
                               slow ? CellStatus::slow : CellStatus::pass, std::string(what), seen,
                               expected});
      if (slow) {
        add_slow(fleet, matrix, cell, "baseline-slow", what,
                 {{"seen", fmt::format("{} {}", what, seen)}, {"expected", expected}});
      }
    };
    for (const auto& [metric, before] : old.figures) {
      const auto now = figure(cell, metric);
      if (!now) continue;
      compare(check_of(metric), to_string(metric), much_worse(metric, *now, before),
              with_unit(metric, *now), with_unit(metric, before));
    }
    if (old.largest_packet && cell.mtu && cell.mtu->largest_packet) {
      compare(CheckKind::mtu, "packet", *cell.mtu->largest_packet < *old.largest_packet,
              fmt::format("{} bytes", *cell.mtu->largest_packet),
              fmt::format("{} bytes", *old.largest_packet));
    }
  }
}

}  // namespace bringup::verify
