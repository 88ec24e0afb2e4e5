#include "bringup/run/collect.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "bringup/model/inventory_text.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/fd.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{16} << 20;

tl::unexpected<Error> cannot(const char* what, const std::string& path) {
  return fail(
      ErrorCode::internal,
      std::string("cannot ") + what + " " + printable(path, 300) + ": " + std::strerror(errno),
      "name a folder that you can write to");
}

Expected<void> make_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return cannot("create", folder);
  return {};
}

Expected<void> write_new(const std::string& path, std::string_view content) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return cannot("create", path);
  while (!content.empty()) {
    const ssize_t wrote = ::write(file.get(), content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return cannot("write", path);
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

// A regular file of bounded size, opened through no symbolic link below the folder.
std::optional<std::string> read_below(int folder, const std::string& path) {
  const auto slash = path.find('/');
  Fd inner;
  if (slash != std::string::npos) {
    inner.reset(::openat(folder, path.substr(0, slash).c_str(),
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) return std::nullopt;
  }
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const Fd file(::openat(inner ? inner.get() : folder, name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0 ||
      static_cast<std::size_t>(info.st_size) > kMaxFile) {
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

}  // namespace

facts::Collection collect(Crew& crew) {
  const std::string nonce = random_hex(16);
  const std::string script = facts::collect_script(facts_options(crew, nonce, Profiler::read));
  facts::Collection out;
  out.fleet = crew.fleet().name;
  out.inventory = model::inventory_text(crew.fleet());
  out.nodes.resize(crew.nodes().size());
  crew.emit({plan::EventKind::phase, "collect", {}, {}, {}, "collecting", {}});
  crew.each(crew.alive(), [&](NodeRun& node) {
    const std::string& name = crew.fleet().nodes[node.index].name;
    crew.emit({plan::EventKind::node_started, "collect", name, {}, {}, {}, {}});
    ScriptResult result = crew.script(node, "collect", script, nonce, Privilege::user);
    take_facts(crew, node, result, "collect");
    std::erase_if(result.frames, [](const facts::Frame& frame) { return frame.name == "end"; });
    out.nodes[static_cast<std::size_t>(&node - crew.nodes().data())].frames =
        std::move(result.frames);
    if (!node.error) crew.emit({plan::EventKind::node_done, "collect", name, {}, {}, {}, {}});
  });
  for (std::size_t k = 0; k < out.nodes.size(); ++k) {
    out.nodes[k].name = crew.fleet().nodes[crew.nodes()[k].index].name;
    out.nodes[k].error = crew.nodes()[k].error;
  }
  return out;
}

Expected<void> write_collection(const facts::Collection& collection, const std::string& folder) {
  const auto files = facts::stored_files(collection);
  if (!files) return tl::unexpected<Error>(files.error());
  if (auto made = make_folder(folder); !made) return made;
  std::error_code unknown;
  if (!fs::is_empty(folder, unknown) || unknown) {
    return fail(ErrorCode::usage, printable(folder, 300) + " is not an empty folder",
                "name a folder that does not exist yet");
  }
  for (const facts::StoredFile& file : *files) {
    const auto slash = file.path.find('/');
    if (slash != std::string::npos) {
      if (auto made = make_folder(folder + "/" + file.path.substr(0, slash)); !made) return made;
    }
    if (auto written = write_new(folder + "/" + file.path, file.content); !written) return written;
  }
  return {};
}

Expected<Collected> load_collected(const std::string& folder) {
  const Fd top(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto manifest = top ? read_below(top.get(), "manifest.json") : std::nullopt;
  if (!manifest) {
    return fail(ErrorCode::usage, printable(folder, 300) + " has no manifest.json that can be read",
                "name a folder that bringup collect wrote");
  }
  const auto collection = facts::parse_collection(
      *manifest, [&](const std::string& path) { return read_below(top.get(), path); });
  if (!collection) return tl::unexpected<Error>(collection.error());
  Collected out;
  out.fleet = collection->fleet;
  out.inventory = collection->inventory;
  for (const facts::CollectedNode& node : collection->nodes) {
    out.nodes.push_back({node.name, facts::facts_of(node)});
  }
  return out;
}

}  // namespace bringup::run
