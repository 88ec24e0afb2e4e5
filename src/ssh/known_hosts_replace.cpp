// Replacing a host's key on purpose (`bringup trust`).
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "bringup/ssh/known_hosts.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

// The line without this host: itself when it does not speak of it, empty when it speaks of nothing
// else, nullopt when a pattern covers it together with others.
std::optional<std::string> without_host(std::string_view line, const std::string& name) {
  const auto words = split_blank(line);
  if (words.size() < 3 || words[0].front() == '#' || words[0].front() == '@') {
    return std::string(line);
  }
  if (words[0].starts_with("|1|")) {
    const auto parts = split(words[0].substr(3), '|');
    const bool same =
        parts.size() == 2 && hmac_sha1(base64_decode(parts[0]), name) == base64_decode(parts[1]);
    return same ? std::string() : std::string(line);
  }
  std::vector<std::string> kept;
  bool spoken_of = false;
  std::vector<std::string> patterns;
  for (const std::string_view word : split(words[0], ',')) patterns.emplace_back(word);
  for (const std::string& pattern : patterns) {
    if (pattern.find_first_of("*?!") == std::string::npos && match_pattern(pattern, name)) {
      spoken_of = true;
    } else {
      kept.push_back(pattern);
    }
  }
  if (match_pattern_list(kept, name)) return std::nullopt;
  if (!spoken_of) return std::string(line);
  if (kept.empty()) return std::string();
  return join(kept, ",") + std::string(line.substr(words[0].size()));
}

Expected<void> rewrite(const std::string& named, const std::string& text) {
  // A link to a file that is kept elsewhere stays a link.
  std::error_code unknown;
  const std::filesystem::path target = std::filesystem::canonical(named, unknown);
  const std::string file = unknown ? named : target.string();
  struct stat before {};
  const mode_t mode = ::stat(file.c_str(), &before) == 0 ? before.st_mode & 0777 : 0600;
  const std::string beside = file + ".bringup";
  {
    std::ofstream out(beside, std::ios::trunc | std::ios::binary);
    out << text << std::flush;
    if (!out) return fail(ErrorCode::internal, "cannot write " + beside);
  }
  if (::chmod(beside.c_str(), mode) != 0 || std::rename(beside.c_str(), file.c_str()) != 0) {
    ::unlink(beside.c_str());
    return fail(ErrorCode::internal, "cannot replace " + file);
  }
  return {};
}

}  // namespace

Expected<void> KnownHosts::replace(const std::string& name, const std::string& type,
                                   const std::string& key) {
  for (const std::string& file : files_) {
    std::ifstream in(file, std::ios::binary);
    if (!in) continue;
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::string kept;
    std::size_t number = 0;
    for (const std::string_view line : split_lines(text)) {
      ++number;
      const auto rest = without_host(line, name);
      if (!rest) {
        return fail(ErrorCode::usage,
                    file + ":" + std::to_string(number) + ": a pattern covers " + name +
                        " together with other hosts",
                    "edit that line by hand, then run this again");
      }
      if (!rest->empty() || trim(line).empty()) kept += *rest + "\n";
    }
    if (kept == text || kept == text + "\n") continue;
    if (auto written = rewrite(file, kept); !written) return written;
  }
  {
    // What was read before no longer counts for this host.
    const std::lock_guard lock(mutex_);
    const std::vector<std::size_t> gone = matching(name);
    plain_.erase(name);
    std::erase_if(hashed_, [&](const Hashed& hashed) {
      return std::find(gone.begin(), gone.end(), hashed.entry) != gone.end();
    });
    found_.clear();
  }
  auto added = add(name, type, key);
  if (!added) return tl::unexpected<Error>(added.error());
  return {};
}

}  // namespace bringup::ssh
