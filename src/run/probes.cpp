#include "probes.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;

constexpr seconds kPushLimit{60};
constexpr seconds kAskLimit{10};

// Takes the probe on stdin, says where it lies and what its digest is, and holds the folder until
// its input ends: when the controller is done, and also when the session is lost.
std::string holder_script(std::size_t bytes) {
  return fmt::format(
      "umask 077\n"
      "d=$(mktemp -d \"${{TMPDIR:-/tmp}}/bringup-probe.XXXXXX\") || exit 1\n"
      "trap 'rm -rf \"$d\"' EXIT\n"
      "trap 'exit 1' HUP INT TERM\n"
      "head -c {} >\"$d/bringup-probe\" && chmod 700 \"$d/bringup-probe\" || exit 1\n"
      "if command -v sha256sum >/dev/null 2>&1; then s=$(sha256sum <\"$d/bringup-probe\")\n"
      "else s=$(shasum -a 256 <\"$d/bringup-probe\"); fi\n"
      "printf 'bringup-probe %s %s\\n' \"${{s%% *}}\" \"$d/bringup-probe\"\n"
      "cat >/dev/null\n",
      bytes);
}

// The path that the holder said; empty when it said something else.
std::string path_in(std::string_view line, std::string_view digest) {
  const auto words = split_blank(line);
  if (words.size() != 3 || words[0] != "bringup-probe" || words[1] != digest) return {};
  const std::string_view path = words[2];
  const bool sound = path.starts_with('/') && path.size() < 1024 &&
                     path.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789/._-+") == std::string_view::npos;
  return sound ? std::string(path) : std::string();
}

}  // namespace

Probes::Probes(Crew& crew, const ProbeFinder& finder)
    : crew_(crew), finder_(finder), held_(crew.fleet().nodes.size()) {}

Probes::~Probes() {
  // All nodes remove theirs at the same time.
  std::vector<std::jthread> workers;
  for (auto& held : held_) {
    if (held && held->holder) workers.emplace_back([&held] { held->holder.reset(); });
  }
}

void Probes::push(const std::vector<NodeRun*>& nodes) {
  std::vector<NodeRun*> fresh;
  for (NodeRun* node : nodes) {
    if (!held_[node->index]) fresh.push_back(node);
  }
  crew_.each(fresh, [&](NodeRun& node) {
    auto& held = held_[node.index];
    held = std::make_unique<Held>();
    if (finder_) place(node, *held);
  });
}

void Probes::place(NodeRun& node, Held& held) {
  ssh::ExecRequest ask;
  ask.command = "uname -sm";
  ask.max_output = 256;
  ask.deadline = Deadline::after(kAskLimit);
  ask.cancel = crew_.cancel();
  const auto said = node.session->exec(ask);
  if (!said) return;
  const auto probe = finder_(trim(said->out));
  if (!probe) {
    held.why = "no probe for " + printable(trim(said->out), 60);
    return;
  }
  const std::string digest = sha256_hex(*probe);
  const auto answer = std::make_shared<std::pair<std::mutex, std::condition_variable>>();
  const auto heard = std::make_shared<std::optional<std::string>>();
  const auto tell = [answer, heard](const std::string& text) {
    const std::lock_guard lock(answer->first);
    if (!*heard) *heard = text;
    answer->second.notify_all();
  };
  ssh::ExecRequest request;
  request.command = holder_script(probe->size());
  request.input = *probe;
  request.max_output = 4096;
  auto holder =
      CommandStream::start(*node.session, std::move(request), {tell, tell}, crew_.cancel());
  if (!holder) return;
  held.holder = *std::move(holder);
  std::unique_lock lock(answer->first);
  answer->second.wait_for(lock, kPushLimit, [&] { return heard->has_value(); });
  held.path = path_in(heard->value_or(""), digest);
  if (held.path.empty()) {
    held.why =
        "the probe could not be placed: " + printable(heard->value_or("no answer in time"), 200);
  }
  crew_.emit({plan::EventKind::raw,
              "probe",
              crew_.fleet().nodes[node.index].name,
              "probe",
              {},
              held.path.empty() ? held.why : held.path,
              {}});
}

}  // namespace bringup::run
