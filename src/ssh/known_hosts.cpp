#include "bringup/ssh/known_hosts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "bringup/util/digest.hpp"
#include "bringup/util/fd.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "[host]:port" without brackets and port; the name itself when it has none.
std::string without_port(const std::string& name) {
  if (name.empty() || name.front() != '[') return name;
  const std::size_t end = name.find("]:");
  return end == std::string::npos ? name : name.substr(1, end - 1);
}

}  // namespace

std::string known_hosts_name(const std::string& host, std::uint16_t port) {
  return port == 22 ? lower(host) : fmt::format("[{}]:{}", lower(host), port);
}

bool match_pattern(std::string_view pattern, std::string_view text) {
  // Linear in practice: on a mismatch only the last "*" is tried again, one character later.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  const auto fold = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || fold(pattern[p]) == fold(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool match_pattern_list(const std::vector<std::string>& patterns, std::string_view text) {
  bool matched = false;
  for (const std::string& pattern : patterns) {
    const bool negated = !pattern.empty() && pattern.front() == '!';
    if (!match_pattern(std::string_view(pattern).substr(negated ? 1 : 0), text)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

std::string fingerprint(const std::string& key) {
  const std::string blob = base64_decode(key);
  if (blob.size() < 4) return {};
  const std::string hash = sha256_hex(blob);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "SHA256:";
  unsigned int bits = 0;
  int have = 0;
  for (const char digit : hash) {
    bits = (bits << 4U) | static_cast<unsigned int>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    have += 4;
    if (have >= 6) {
      have -= 6;
      out += kAlphabet[(bits >> static_cast<unsigned int>(have)) & 63U];
    }
  }
  if (have > 0) out += kAlphabet[(bits << static_cast<unsigned int>(6 - have)) & 63U];
  return out;
}

KnownHosts::KnownHosts(std::vector<std::string> files, const Warn& warn)
    : files_(std::move(files)) {
  for (const std::string& file : files_) {
    std::ifstream in(file, std::ios::binary);
    if (!in) continue;
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    parse(text, file, warn);
  }
}

void KnownHosts::parse(std::string_view text, const std::string& file, const Warn& warn) {
  const std::lock_guard lock(mutex_);
  int number = 0;
  const auto complain = [&](std::string_view what) {
    if (warn) warn(fmt::format("{}:{}: {}", file, number, what));
  };
  for (std::string_view line : split_lines(text)) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string_view> words = split_blank(line);
    bool revoked = false;
    if (words[0].front() == '@') {
      if (words[0] == "@revoked") {
        revoked = true;
      } else {
        complain(words[0] == "@cert-authority"
                     ? "@cert-authority line skipped: host certificates are not supported"
                     : "line with an unknown marker skipped");
        continue;
      }
      words.erase(words.begin());
    }
    if (words.size() < 3) {
      complain("line skipped: it has fewer than three fields");
      continue;
    }
    if (base64_decode(words[2]).size() < 8) {
      complain("line skipped: its key is not base64");
      continue;
    }
    const std::size_t index = entries_.size();
    entries_.push_back({{std::string(words[1]), std::string(words[2]), file, number}, revoked});
    if (words[0].starts_with("|1|")) {
      const auto parts = split(words[0].substr(3), '|');
      if (parts.size() == 2) {
        hashed_.push_back({base64_decode(parts[0]), base64_decode(parts[1]), index});
      }
      continue;
    }
    Pattern pattern{{}, index};
    bool plain = true;
    for (const std::string_view name : split(words[0], ',')) {
      if (name.empty()) continue;
      pattern.patterns.push_back(lower(name));
      plain = plain && name.find_first_of("*?!") == std::string_view::npos;
    }
    if (plain) {
      for (const std::string& name : pattern.patterns) plain_.emplace(name, index);
    } else {
      patterns_.push_back(std::move(pattern));
    }
  }
  found_.clear();
}

std::vector<std::size_t> KnownHosts::matching(const std::string& name) const {
  std::vector<std::size_t> found;
  const auto [first, last] = plain_.equal_range(name);
  for (auto it = first; it != last; ++it) found.push_back(it->second);
  for (const Pattern& pattern : patterns_) {
    if (match_pattern_list(pattern.patterns, name)) found.push_back(pattern.entry);
  }
  if (!hashed_.empty()) {
    auto cached = found_.find(name);
    if (cached == found_.end()) {
      std::vector<std::size_t> hits;
      for (const Hashed& hashed : hashed_) {
        if (hmac_sha1(hashed.salt, name) == hashed.hash) hits.push_back(hashed.entry);
      }
      cached = found_.emplace(name, std::move(hits)).first;
    }
    found.insert(found.end(), cached->second.begin(), cached->second.end());
  }
  std::sort(found.begin(), found.end());
  return found;
}

HostKeyDecision KnownHosts::decide(const std::string& name, const std::string& type,
                                   const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return judge_any(name, type, key);
}

HostKeyDecision KnownHosts::judge_any(const std::string& name, const std::string& type,
                                      const std::string& key) const {
  const auto judge = [&](const std::string& as) {
    HostKeyDecision decision;
    for (const std::size_t index : matching(as)) {
      const Entry& entry = entries_[index];
      const bool same = entry.key.type == type && entry.key.key == key;
      if (entry.revoked) {
        if (same) return HostKeyDecision{HostKeyVerdict::revoked, {entry.key}};
        continue;
      }
      if (same) {
        decision.verdict = HostKeyVerdict::known;
      } else {
        decision.on_file.push_back(entry.key);
      }
    }
    if (decision.verdict == HostKeyVerdict::known) {
      decision.on_file.clear();
    } else if (!decision.on_file.empty()) {
      decision.verdict = HostKeyVerdict::changed;
    }
    return decision;
  };
  HostKeyDecision decision = judge(name);
  const std::string bare = without_port(name);
  if (bare != name && decision.verdict != HostKeyVerdict::revoked) {
    // Lines without a port vouch for the host on any port, but a different key there may well be
    // another server's.
    const HostKeyDecision other = judge(bare);
    if (other.verdict == HostKeyVerdict::revoked) return other;
    if (decision.verdict == HostKeyVerdict::unknown && other.verdict == HostKeyVerdict::known) {
      return other;
    }
  }
  return decision;
}

std::vector<std::string> KnownHosts::types_for(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> types;
  const auto collect = [&](const std::string& as) {
    for (const std::size_t index : matching(as)) {
      const Entry& entry = entries_[index];
      if (entry.revoked) continue;
      if (std::find(types.begin(), types.end(), entry.key.type) == types.end()) {
        types.push_back(entry.key.type);
      }
    }
  };
  collect(name);
  if (types.empty()) collect(without_port(name));
  return types;
}

Expected<bool> KnownHosts::add(const std::string& name, const std::string& type,
                               const std::string& key) {
  const std::lock_guard lock(mutex_);
  const HostKeyDecision now = judge_any(name, type, key);
  if (now.verdict == HostKeyVerdict::known) return false;
  if (now.verdict != HostKeyVerdict::unknown) {
    return fail(ErrorCode::unauthorized,
                fmt::format("another connection to {} was shown a different host key", name));
  }
  if (files_.empty()) return fail(ErrorCode::internal, "there is no known_hosts file to write to");
  const std::string& file = files_.front();
  const auto refuse = [&](const char* what) {
    return fail(ErrorCode::internal, fmt::format("cannot {} {}: {}", what, file,
                                                 std::generic_category().message(errno)));
  };
  const std::size_t slash = file.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    ::mkdir(file.substr(0, slash).c_str(), 0700);  // most often there already
  }
  const Fd fd(::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return refuse("open");
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  char last = '\n';
  if (size > 0) {
    [[maybe_unused]] const ssize_t got = ::pread(fd.get(), &last, 1, size - 1);
  }
  const std::string line = fmt::format("{}{} {} {}\n", last == '\n' ? "" : "\n", name, type, key);
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return refuse("write to");
  }
  plain_.emplace(name, entries_.size());
  entries_.push_back({{type, key, file, 0}, false});
  return true;
}

}  // namespace bringup::ssh
