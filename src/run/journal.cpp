#include "bringup/run/journal.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bringup/util/digest.hpp"

namespace bringup::run {
namespace fs = std::filesystem;
namespace {

// "2026-11-21T05:04:35.123Z" to "20261121-050435", which sorts and needs no quoting.
std::string stamp(const Clock& clock) {
  const std::string iso = rfc3339(clock.now());
  return iso.substr(0, 4) + iso.substr(5, 2) + iso.substr(8, 2) + "-" + iso.substr(11, 2) +
         iso.substr(14, 2) + iso.substr(17, 2);
}

// docs/schema/journal-1.json: one event and its time. Bytes that are not UTF-8 are replaced.
std::string to_line(const plan::Event& event, const std::string& time) {
  nlohmann::ordered_json line{{"time", time}, {"kind", plan::to_string(event.kind)}};
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) line[name] = value;
  };
  put("phase", event.phase);
  put("node", event.node);
  put("subject", event.subject);
  put("status", event.status);
  put("text", event.text);
  put("hint", event.hint);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Without blanks and control characters, whatever the machine is called.
std::string plain(const char* text) {
  std::string out;
  for (const char c : std::string_view(text)) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    out += fine ? c : '_';
  }
  return out.substr(0, 64);
}

Expected<void> make_private(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder.parent_path(), ec);
  if (ec || (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)) {
    return fail(ErrorCode::internal, "cannot create the folder " + folder.string(),
                "set XDG_STATE_HOME to a folder that you can write to");
  }
  return {};
}

}  // namespace

std::string default_state_home() {
  const char* set = std::getenv("XDG_STATE_HOME");
  if (set != nullptr && *set == '/') return set;
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') {
    const passwd* entry = ::getpwuid(::getuid());
    home = entry != nullptr ? entry->pw_dir : "/tmp";
  }
  return std::string(home) + "/.local/state";
}

std::string operator_name() {
  const passwd* entry = ::getpwuid(::getuid());
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  const std::string user = entry != nullptr ? plain(entry->pw_name) : std::to_string(::getuid());
  return user + "@" + plain(host);
}

Journal::Journal(std::string folder, std::string id, const Clock& clock)
    : folder_(std::move(folder)),
      id_(std::move(id)),
      clock_(clock),
      lock_(::open((folder_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
      events_(folder_ + "/events.jsonl", std::ios::app | std::ios::binary) {
  if (lock_) ::flock(lock_.get(), LOCK_EX | LOCK_NB);
  note_.id = id_;
  note_.who = operator_name();
  note_.pid = ::getpid();
}

Expected<std::unique_ptr<Journal>> Journal::create(const std::string& state_home,
                                                   std::string_view verb, const Clock& clock) {
  const std::string id = stamp(clock) + "-" + std::string(verb) + "-" + random_hex(3);
  const std::string base = state_home + "/bringup";
  const std::string runs = base + "/runs";
  const std::string own = runs + "/" + id;
  for (const std::string& folder : {base, runs, own}) {
    if (auto made = make_private(folder); !made) return tl::unexpected<Error>(made.error());
  }
  auto journal = std::unique_ptr<Journal>(new Journal(own, id, clock));
  journal->note_.verb = verb;
  journal->note_.started = rfc3339(clock.now());
  if (!journal->events_) {
    return fail(ErrorCode::internal, "cannot write " + journal->folder_ + "/events.jsonl");
  }
  return journal;
}

Expected<void> Journal::begin(const std::string& fleet, const std::string& undoes) {
  note_.fleet = fleet;
  note_.undoes = undoes;
  return write("run.json", to_json(note_));
}

Expected<void> Journal::finish(int exit_status) {
  note_.ended = rfc3339(clock_.now());
  note_.exit_status = exit_status;
  return write("run.json", to_json(note_));
}

void Journal::emit(const plan::Event& event) {
  if (event.kind == plan::EventKind::raw) {
    make_below("raw");
    std::ofstream raw(folder_ + "/raw/" + event.node + "." + event.phase + ".txt",
                      std::ios::app | std::ios::binary);
    raw << "--- " << rfc3339(clock_.now()) << " " << event.subject << "\n" << event.text;
    if (event.text.empty() || event.text.back() != '\n') raw << "\n";
    return;
  }
  events_ << to_line(event, rfc3339(clock_.now())) << std::flush;
}

void Journal::make_below(const fs::path& folder) const {
  fs::path path = folder_;
  for (const auto& part : folder) {
    path /= part;
    ::mkdir(path.c_str(), 0700);  // what could not be made shows when the file is written
  }
}

Expected<void> Journal::write(const std::string& name, std::string_view content) {
  const fs::path path = fs::path(folder_) / name;
  std::error_code ec;
  make_below(fs::path(name).parent_path());
  const fs::path beside = path.string() + ".new";
  const auto failed = [&](const std::string& why) {
    fs::remove(beside, ec);
    return fail(ErrorCode::internal, "cannot write " + path.string() + why);
  };
  {
    std::ofstream file(beside, std::ios::trunc | std::ios::binary);
    file << content;
    file.flush();
    if (!file) return failed("");
  }
  fs::rename(beside, path, ec);
  if (ec) return failed(": " + ec.message());
  return {};
}

}  // namespace bringup::run
