#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "bringup/util/text.hpp"
#include "bringup/verify/pingpong.hpp"
#include "bringup/verify/rdma_errors.hpp"

namespace bringup::verify {
namespace {

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || at != text.data() + text.size()) return std::nullopt;
  return value;
}

// Digits with a point, as printf's %.2f writes them.
std::optional<double> real(std::string_view text) {
  if (text.empty() || text.size() > 24 ||
      text.find_first_not_of("0123456789.") != std::string_view::npos)
    return std::nullopt;
  return number<double>(text);
}

// "N WHAT in S seconds = RATE UNIT" to its three numbers.
struct Line {
  std::uint64_t count = 0;
  double seconds = 0, rate = 0;
};

std::optional<Line> read_line(std::string_view line, std::string_view what, std::string_view unit) {
  const auto words = split_blank(line);
  if (words.size() != 8 || words[1] != what || words[2] != "in" || words[4] != "seconds" ||
      words[5] != "=" || words[7] != unit)
    return std::nullopt;
  const auto count = number<std::uint64_t>(words[0]);
  const auto seconds = real(words[3]);
  const auto rate = real(words[6]);
  if (!count || *count == 0 || *count > 1000000000000000 || !seconds || *seconds > 1e6 || !rate ||
      *rate > 1e12)
    return std::nullopt;
  return Line{*count, *seconds, *rate};
}

const facts::Frame* frame(const PingpongEnd& end, std::string_view name) {
  for (const facts::Frame& each : end.frames)
    if (each.name == name) return &each;
  return nullptr;
}

struct Place {
  std::string device;
  std::uint32_t index = 0;
};

std::optional<Place> place_of(const PingpongEnd& end) {
  const facts::Frame* found = frame(end, "place");
  if (found == nullptr) return std::nullopt;
  const auto words = split_blank(found->payload);
  if (words.size() != 2 || words[0].size() > 64) return std::nullopt;
  const auto index = number<std::uint32_t>(words[1]);
  if (!index || *index > 255) return std::nullopt;
  return Place{printable(words[0], 64), *index};
}

RdmaFailure failure(const std::string& layer, const PingpongEnd& end, std::string seen,
                    const std::string& verb = {}, int error_number = 0) {
  // Of the numbers used here, every system has the same.
  const RdmaMeaning meaning = explain_rdma(layer, verb, error_number, facts::Os::linux_kernel);
  return {layer,
          verb,
          error_number,
          end.node,
          std::move(seen),
          std::string(meaning.meaning),
          std::string(meaning.cure)};
}

// What rdma-core's examples say when a verb fails. They print no errno; where it can be one only,
// it is that.
struct Complaint {
  std::string_view words, verb;
  int error_number;
};
constexpr Complaint kComplaints[] = {
    {"Failed to modify QP to RTR", "ibv_modify_qp(RTR)", 22},
    {"Couldn't register MR", "ibv_reg_mr", 12},
    {"Couldn't allocate PD", "ibv_alloc_pd", 16},
    {"Couldn't create QP", "ibv_create_qp", 0},
    {"Couldn't get context for", "ibv_open_device", 0},
};

std::optional<RdmaFailure> complaint(const PingpongEnd& end, const std::string& tool) {
  const facts::Frame* run = frame(end, tool);
  if (run == nullptr || run->exit_status == 0) return std::nullopt;
  for (const Complaint& one : kComplaints) {
    if (run->payload.find(one.words) == std::string::npos) continue;
    return failure("rdma", end, tool + ": " + std::string(one.words), std::string(one.verb),
                   one.error_number);
  }
  return std::nullopt;
}

// Why there are no figures; the server's reasons first, since the client's follow from them.
RdmaFailure reason(const PingpongSpec& spec, const std::string& tool, const PingpongEnd& client,
                   const PingpongEnd& server) {
  for (const PingpongEnd* end : {&server, &client}) {
    const facts::Frame* place = frame(*end, "place");
    if (place == nullptr) return failure("probe", *end, "the script gave no answer");
    if (place->payload.find_first_not_of(" \n") == std::string::npos)
      return failure("gid", *end, "no GID is the link's address (ibv_devinfo -v)");
    const facts::Frame* run = frame(*end, tool);
    if (run != nullptr && run->exit_status == 127)
      return failure("probe", *end, "no " + tool + " on the node");
  }
  for (const PingpongEnd* end : {&server, &client}) {
    if (auto found = complaint(*end, tool)) return *std::move(found);
  }
  const facts::Frame* run = frame(client, tool);
  if (run == nullptr) return failure("probe", client, tool + " gave no answer");
  // 142: the alarm's signal.
  if (run->exit_status == 124 || run->exit_status == 142)
    return failure("rdma", client, fmt::format("{} did not end in {} s", tool, spec.seconds));
  return failure("rdma", client, fmt::format("{} failed with status {}", tool, run->exit_status));
}

}  // namespace

Expected<PingpongFigures> parse_pingpong(std::string_view output) {
  const auto refuse = [](const char* what) {
    return fail(ErrorCode::parse, std::string("pingpong: ") + what);
  };
  std::optional<Line> bytes;
  std::optional<Line> iterations;
  for (const std::string_view line : split_lines(output)) {
    if (const auto read = read_line(line, "bytes", "Mbit/sec")) {
      if (bytes) return refuse("two lines of bytes");
      bytes = read;
    } else if (const auto turns = read_line(line, "iters", "usec/iter")) {
      if (iterations) return refuse("two lines of iterations");
      iterations = turns;
    }
  }
  if (!bytes || !iterations) return refuse("no figures");
  if (std::abs(bytes->seconds - iterations->seconds) > 0.011)
    return refuse("figures that contradict each other");
  return PingpongFigures{bytes->count, iterations->count, bytes->seconds, iterations->rate,
                         bytes->rate};
}

RdmaResult read_pingpong(const PingpongSpec& spec, const PingpongEnd& client,
                         const PingpongEnd& server) {
  const std::string tool = "ibv_" + std::string(to_string(spec.qp)) + "_pingpong";
  RdmaResult result;
  result.means = spec.qp == QpType::uc ? RdmaMeans::ibv_uc_pingpong : RdmaMeans::ibv_rc_pingpong;
  result.qp = spec.qp;
  if (const auto place = place_of(client)) {
    result.from_device = place->device;
    result.from_gid_index = place->index;
  }
  if (const auto place = place_of(server)) {
    result.to_device = place->device;
    result.to_gid_index = place->index;
  }
  const facts::Frame* run = frame(client, tool);
  if (run != nullptr && run->exit_status == 0) {
    const auto figures = parse_pingpong(run->payload);
    if (figures && figures->iterations == spec.iterations) {
      result.latency.push_back(
          {spec.bytes, figures->iterations, 0, 0, 0, figures->usec_per_iteration / 2});
      // One message after the other: a floor of what the link carries.
      result.bandwidth.push_back(
          {spec.bytes, figures->iterations, 0, figures->mbit_per_second / 1000});
      return result;
    }
  }
  result.failure = reason(spec, tool, client, server);
  return result;
}

}  // namespace bringup::verify
