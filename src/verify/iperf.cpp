#include "bringup/verify/iperf.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "bringup/verify/iperf_json.hpp"
#include "pipeline.hpp"

namespace bringup::verify {
namespace {

constexpr int kRetrySeconds = 5;    // until the server is there: its session may be slower
constexpr int kClientSlack = 5;     // beside the test: connecting, results
constexpr int kServerSlack = 12;    // beside the test: the client's retries and its own slack
constexpr int kMostIntervals = 30;  // in a document, whatever the test takes
constexpr int kNotRun = 125;        // a direction after one that timed out or could not begin

// A server that got no client, or could not listen, would get none for the other direction either;
// nor does a client go on whose first direction hung, since its server is busy still.
//
// Between two directions a client may still meet the server that is about to end: it calls itself
// busy, or ends with the connection in its queue. No stream was connected then.
constexpr std::string_view kIperf = R"sh(
bu_serve() {
  bu_first=$(bu_keep 4096 "$4" iperf3 -s -1 -B "$2" -p "$3")
  case $bu_first in
    *'unable to start'* | *bu_rc=124 | *bu_rc=127) bu_second=$(printf 'not run\nbu_rc=<NOT_RUN>') ;;
    *) bu_second=$(bu_keep 4096 "$4" iperf3 -s -1 -B "$2" -p "$3") ;;
  esac
  cat
  bu_part "iperf-server.$1.0" "$bu_first"
  bu_part "iperf-server.$1.1" "$bu_second"
}
bu_too_early() {
  case $1 in
    *'Connection refused'* | *'server is busy'*) return 0 ;;
    *'"connected":'[[:space:]]'[]'*) ;;
    *) return 1 ;;
  esac
  case $1 in
    *'Connection reset'* | *'control socket has closed unexpectedly'*) return 0 ;;
  esac
  return 1
}
bu_ask() {
  bu_limit=$1
  shift
  bu_left=<TRIES>
  while :; do
    bu_said=$(bu_keep 1048576 "$bu_limit" iperf3 "$@")
    bu_left=$((bu_left - 1))
    if [ "$bu_left" -le 0 ]; then break; fi
    bu_too_early "$bu_said" || break
    sleep 0.2
  done
}
bu_client() {
  bu_link=$1
  shift
  bu_ask "$@"
  bu_first=$bu_said
  case $bu_first in
    *bu_rc=124 | *bu_rc=127 | *'Connection refused'* | *'server is busy'*)
      bu_said=$(printf 'not run\nbu_rc=<NOT_RUN>')
      ;;
    *) bu_ask "$@" -R ;;
  esac
  cat
  bu_part "iperf-client.$bu_link.0" "$bu_first"
  bu_part "iperf-client.$bu_link.1" "$bu_said"
}
)sh";

std::string functions() {
  std::string text(kIperf);
  const auto put = [&](std::string_view mark, int value) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
      text.replace(at, mark.size(), std::to_string(value));
    }
  };
  put("<NOT_RUN>", kNotRun);
  put("<TRIES>", kRetrySeconds * 5);
  return text;
}

const facts::Frame* find(const std::vector<facts::Frame>& frames, const std::string& name) {
  const auto found = std::find_if(frames.begin(), frames.end(),
                                  [&](const auto& frame) { return frame.name == name; });
  return found == frames.end() ? nullptr : &*found;
}

bool says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string last_line(std::string_view text) {
  std::string_view last;
  for (const auto line : split_lines(text)) {
    if (!trim(line).empty() && !says(line, "exiting")) last = trim(line);
  }
  return printable(last, 200);
}

// Both frames of one direction.
struct Told {
  const model::Fleet& fleet;
  std::size_t client, server;  // nodes
  const facts::Frame* asked;   // the client's frame; null: none came
  const facts::Frame* served;

  [[nodiscard]] IperfResult failed(IperfFailure failure, std::size_t node,
                                   std::string error) const {
    IperfResult result;
    result.failure = failure;
    result.node = fleet.nodes[node].name;
    result.error = std::move(error);
    return result;
  }
};

// A server that says why it could not serve explains whatever its client saw.
std::optional<IperfResult> server_failure(const Told& told) {
  if (told.served == nullptr) return std::nullopt;
  const std::string& text = told.served->payload;
  if (told.served->exit_status == facts::kStatusNotFound) {
    return told.failed(IperfFailure::missing, told.server, "iperf3: command not found");
  }
  if (says(text, "Address already in use")) {
    return told.failed(IperfFailure::port_busy, told.server, last_line(text));
  }
  if (says(text, "unable to start listener")) {
    return told.failed(IperfFailure::other, told.server, last_line(text));
  }
  return std::nullopt;
}

IperfResult client_result(const Told& told) {
  if (told.asked == nullptr) {
    return told.failed(IperfFailure::unreadable, told.client, "no answer of the client");
  }
  const auto& frame = *told.asked;
  if (frame.exit_status == facts::kStatusNotFound) {
    return told.failed(IperfFailure::missing, told.client, "iperf3: command not found");
  }
  const auto parsed = parse_iperf_json(frame.payload);
  if (frame.exit_status == facts::kStatusTimeLimit) {
    return told.failed(IperfFailure::timed_out, told.client,
                       "no end within its time; it was ended");
  }
  if (!parsed) {
    const std::string words = last_line(frame.payload);
    return told.failed(IperfFailure::unreadable, told.client,
                       words.empty() ? parsed.error().message : words);
  }
  if (says(parsed->error, "Connection refused")) {
    return told.failed(IperfFailure::refused, told.server, parsed->error);
  }
  if (says(parsed->error, "server is busy")) {
    return told.failed(IperfFailure::port_busy, told.server, parsed->error);
  }
  if (!parsed->error.empty() || !parsed->bits_per_second || parsed->truncated) {
    IperfResult result =
        told.failed(parsed->error.empty() ? IperfFailure::unreadable : IperfFailure::other,
                    told.client, parsed->error.empty() ? "its report breaks off" : parsed->error);
    return result;
  }
  IperfResult result;
  result.gbps = *parsed->bits_per_second / 1e9;
  result.retransmits = parsed->retransmits;
  result.seconds = parsed->seconds.value_or(0);
  result.streams = parsed->streams;
  return result;
}

}  // namespace

std::string iperf_script(const model::Fleet& fleet, std::size_t node, const Round& round,
                         const std::string& nonce, const CheckOptions& options) {
  std::vector<std::string> stages;
  for (const std::size_t index : round) {
    const model::Link& link = fleet.links[index];
    const int seconds = iperf_seconds(link, options);
    const std::string server = link.ends[1].address.to_string();
    if (link.ends[1].node == node) {
      stages.push_back(fmt::format("bu_serve {} {} {} {}", index, server, options.iperf_port,
                                   seconds + kServerSlack));
    }
    if (link.ends[0].node == node) {
      stages.push_back(fmt::format(
          "bu_client {} {} -c {} -B {} -p {} -J -P {} -t {} -i {} --connect-timeout 3000", index,
          seconds + kClientSlack, server, link.ends[0].address.to_string(), options.iperf_port,
          iperf_streams(link, options), seconds, std::max(1, seconds / kMostIntervals)));
    }
  }
  std::string script = facts::frame_functions(nonce);
  if (!stages.empty()) {
    script += kKeepFunctions;
    script += functions();
    script += pipeline(stages);
  }
  script += "bu_frame end 0 ''\n";
  return script;
}

int iperf_limit_s(const model::Fleet& fleet, const Round& round, const CheckOptions& options) {
  int longest = 0;
  for (const std::size_t link : round) {
    longest = std::max(longest, iperf_seconds(fleet.links[link], options));
  }
  return 2 * (longest + kServerSlack) + 3;
}

std::optional<bool> has_iperf(const NodeEvidence& evidence) {
  const auto* frame = find(evidence.frames, "iperf3");
  if (frame == nullptr) return std::nullopt;
  return frame->exit_status != facts::kStatusNotFound;
}

std::vector<Measurement> read_iperf(const model::Fleet& fleet, const Round& round,
                                    const std::vector<NodeEvidence>& evidence) {
  std::vector<Measurement> measured;
  for (const std::size_t index : round) {
    const auto& ends = fleet.links[index].ends;
    std::optional<IperfResult> first;
    for (std::size_t side = 0; side < 2; ++side) {
      const std::size_t client = ends[0].node;
      const std::size_t server = ends[1].node;
      const Told told{
          fleet, client, server,
          find(evidence[client].frames, fmt::format("iperf-client.{}.{}", index, side)),
          find(evidence[server].frames, fmt::format("iperf-server.{}.{}", index, side))};
      Measurement one;
      one.link = index;
      one.from = ends[side].node;
      // Without a session there is no answer of iperf3; the cell's own error says more.
      if (!evidence[client].error && !evidence[server].error) {
        auto failure = server_failure(told);
        if (!failure && side == 1) {  // a server that failed at first did not serve again
          failure = server_failure(
              {fleet, client, server, nullptr,
               find(evidence[server].frames, fmt::format("iperf-server.{}.0", index))});
        }
        const bool not_run = side == 1 && first && first->failure && told.asked != nullptr &&
                             told.asked->exit_status == kNotRun;
        one.iperf = failure ? *failure : not_run ? *first : client_result(told);
        first = one.iperf;
      }
      measured.push_back(std::move(one));
    }
  }
  return measured;
}

std::vector<Measurement> without_iperf(const model::Fleet& fleet, std::size_t link,
                                       std::size_t node) {
  std::vector<Measurement> measured;
  for (const auto& end : fleet.links[link].ends) {
    Measurement one;
    one.link = link;
    one.from = end.node;
    one.iperf = IperfResult{};
    one.iperf->failure = IperfFailure::missing;
    one.iperf->node = fleet.nodes[node].name;
    one.iperf->error = "iperf3: command not found";
    measured.push_back(std::move(one));
  }
  return measured;
}

}  // namespace bringup::verify
