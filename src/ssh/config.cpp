#include "bringup/ssh/config.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "bringup/ssh/known_hosts.hpp"
#include "bringup/ssh/process.hpp"
#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

constexpr int kMaxIncludeDepth = 16;
constexpr std::size_t kMaxConfigBytes = 4 * 1024 * 1024;
constexpr std::chrono::seconds kAskLimit{10};

// What changes where we go or how we log in. Anything else in a configuration is left alone.
constexpr std::array<std::string_view, 11> kHonoured = {"hostname",
                                                        "user",
                                                        "port",
                                                        "identityfile",
                                                        "identitiesonly",
                                                        "proxyjump",
                                                        "proxycommand",
                                                        "userknownhostsfile",
                                                        "hostkeyalias",
                                                        "canonicalizehostname",
                                                        "globalknownhostsfile"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "keyword arg…", "keyword=arg", double quotes, a "#" that starts a word begins a comment.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t i = 0;
  const auto blank = [&](char c) { return c == ' ' || c == '\t'; };
  while (i < line.size()) {
    while (i < line.size() && (blank(line[i]) || (words.size() == 1 && line[i] == '='))) ++i;
    if (i >= line.size() || line[i] == '#') break;
    std::string word;
    bool quoted = false;
    for (; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && (blank(c) || (words.empty() && c == '='))) {
        break;
      } else {
        word += c;
      }
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  if (!in) return text;
  text.assign(std::istreambuf_iterator<char>(in), {});
  if (text.size() > kMaxConfigBytes) text.resize(kMaxConfigBytes);
  return text;
}

std::vector<std::string> expand_glob(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  return files;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool is_honoured(std::string_view keyword) {
  return std::find(kHonoured.begin(), kHonoured.end(), keyword) != kHonoured.end();
}

// ssh -G lists these when no IdentityFile is configured.
bool is_default_identity(std::string_view path) {
  for (const std::string_view name :
       {"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_dsa"}) {
    if (path == "~/.ssh/" + std::string(name)) return true;
  }
  return false;
}

// %h, %n, %d, %% of the few places where people use them.
std::string expand_tokens(std::string_view text, std::string_view alias, std::string_view home) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'h':
      case 'n':
        out += alias;
        break;
      case 'd':
        out += home;
        break;
      case '%':
        out += '%';
        break;
      default:
        out += '%', out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string home_folder() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return home;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_dir;
  }
  return "/";
}

std::string expand_home(const std::string& path, const std::string& home) {
  if (path == "~") return home;
  if (path.starts_with("~/")) return home + path.substr(1);
  return path;
}

std::optional<JumpName> parse_jump(std::string_view text) {
  if (text.starts_with("ssh://")) text.remove_prefix(6);
  if (text.ends_with('/')) text.remove_suffix(1);
  JumpName jump;
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    jump.user = text.substr(0, at);
    text.remove_prefix(at + 1);
    if (jump.user.empty()) return std::nullopt;
  }
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    jump.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty()) {
      if (text.front() != ':') return std::nullopt;
      port = text.substr(1);
      if (port.empty()) return std::nullopt;
    }
  } else {
    const std::size_t colon = text.find(':');
    const bool v6 =
        colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos;
    jump.host = v6 ? text : text.substr(0, colon);
    if (!v6 && colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return std::nullopt;
    }
  }
  if (!port.empty()) {
    jump.port = parse_port(port);
    if (!jump.port) return std::nullopt;
  }
  if (jump.host.empty() || jump.host.front() == '-') return std::nullopt;
  return jump;
}

std::vector<ConfigLine> scan_config(std::string_view text, const std::string& home,
                                    const std::string& include_dir, int depth) {
  std::vector<ConfigLine> lines;
  std::vector<std::string> hosts = {"*"};
  bool match = false;
  for (const std::string_view raw : split_lines(text)) {
    std::vector<std::string> words = words_of(trim(raw));
    if (words.size() < 2) continue;
    std::string keyword = lower(words.front());
    words.erase(words.begin());
    if (keyword == "host") {
      hosts = std::move(words);
      match = false;
    } else if (keyword == "match") {
      // "Match all" is the only one that needs nothing known of the host.
      match = !(words.size() == 1 && lower(words[0]) == "all");
      hosts = {"*"};
    } else if (keyword == "include") {
      if (depth >= kMaxIncludeDepth) continue;
      for (const std::string& word : words) {
        std::string path = expand_home(word, home);
        if (!path.starts_with('/')) path = include_dir + "/" + path;
        for (const std::string& file : expand_glob(path)) {
          for (ConfigLine& line : scan_config(read_file(file), home, include_dir, depth + 1)) {
            // An include within a block applies only where the block does.
            line.match = line.match || match || hosts != std::vector<std::string>{"*"};
            if (!match && line.hosts == std::vector<std::string>{"*"}) {
              line.match = false;
              line.hosts = hosts;
            }
            lines.push_back(std::move(line));
          }
        }
      }
    } else {
      lines.push_back({std::move(keyword), std::move(words), hosts, match});
    }
  }
  return lines;
}

bool config_concerns(const std::vector<ConfigLine>& lines, std::string_view alias) {
  return std::any_of(lines.begin(), lines.end(), [&](const ConfigLine& line) {
    return is_honoured(line.keyword) && (line.match || match_pattern_list(line.hosts, alias));
  });
}

HostConfig read_config(const std::vector<ConfigLine>& lines, std::string_view alias,
                       const std::string& home) {
  HostConfig config;
  config.source = ConfigSource::own_parser;
  bool identities_only_set = false;
  for (const ConfigLine& line : lines) {
    if (line.match || !match_pattern_list(line.hosts, alias)) continue;
    const std::string& first = line.words[0];
    const auto set = [&](std::string* member, std::string value) {
      if (member->empty()) *member = std::move(value);
    };
    if (line.keyword == "hostname") {
      set(&config.host_name, expand_tokens(first, alias, home));
    } else if (line.keyword == "user") {
      set(&config.user, first);
    } else if (line.keyword == "port") {
      if (!config.port) config.port = parse_port(first);
    } else if (line.keyword == "identityfile") {
      config.identity_files.push_back(expand_home(expand_tokens(first, alias, home), home));
    } else if (line.keyword == "identitiesonly") {
      if (!identities_only_set) config.identities_only = lower(first) == "yes";
      identities_only_set = true;
    } else if (line.keyword == "proxyjump") {
      if (config.proxy_command.empty()) set(&config.proxy_jump, first);
    } else if (line.keyword == "proxycommand") {
      if (config.proxy_jump.empty()) set(&config.proxy_command, join(line.words, " "));
    } else if (line.keyword == "userknownhostsfile") {
      if (config.known_hosts_files.empty()) {
        for (const std::string& file : line.words) {
          config.known_hosts_files.push_back(expand_home(expand_tokens(file, alias, home), home));
        }
      }
    } else if (line.keyword == "hostkeyalias") {
      set(&config.host_key_alias, expand_tokens(first, alias, home));
    }
  }
  if (lower(config.proxy_jump) == "none") config.proxy_jump.clear();
  if (lower(config.proxy_command) == "none") config.proxy_command.clear();
  return config;
}

Expected<HostConfig> parse_ssh_g(std::string_view text, const std::string& home) {
  HostConfig config;
  config.source = ConfigSource::ssh_program;
  bool only_defaults = true;
  for (const std::string_view line : split_lines(text)) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    const std::string keyword = lower(line.substr(0, blank));
    const std::string_view value = trim(line.substr(blank + 1));
    if (keyword == "hostname") {
      config.host_name = value;
    } else if (keyword == "user") {
      config.user = value;
    } else if (keyword == "port") {
      config.port = parse_port(value);
      if (!config.port) {
        return fail(ErrorCode::parse,
                    "ssh -G printed a port that is none: " + printable(value, 40));
      }
    } else if (keyword == "identityfile") {
      only_defaults = only_defaults && is_default_identity(value);
      config.identity_files.push_back(expand_home(std::string(value), home));
    } else if (keyword == "identitiesonly") {
      config.identities_only = value == "yes";
    } else if (keyword == "proxyjump" && value != "none") {
      config.proxy_jump = value;
    } else if (keyword == "proxycommand" && value != "none") {
      config.proxy_command = value;
    } else if (keyword == "userknownhostsfile") {
      for (const std::string& file : words_of("x " + std::string(value))) {
        config.known_hosts_files.push_back(expand_home(file, home));
      }
      config.known_hosts_files.erase(config.known_hosts_files.begin());
    } else if (keyword == "hostkeyalias" && value != "none") {
      config.host_key_alias = value;
    }
  }
  if (config.host_name.empty() || !config.port) {
    return fail(ErrorCode::parse, "ssh -G printed neither a host name nor a port");
  }
  if (only_defaults) config.identity_files.clear();
  return config;
}

ConfigResolver::ConfigResolver(std::string config_file, std::string program)
    : config_file_(std::move(config_file)), program_(std::move(program)), home_(home_folder()) {
  if (config_file_ == "none") return;
  const std::string user_dir = home_ + "/.ssh";
  if (!config_file_.empty()) {
    config_file_ = expand_home(config_file_, home_);
    lines_ = scan_config(read_file(config_file_), home_, user_dir);
    return;
  }
  lines_ = scan_config(read_file(user_dir + "/config"), home_, user_dir);
  for (ConfigLine& line : scan_config(read_file("/etc/ssh/ssh_config"), home_, "/etc/ssh")) {
    lines_.push_back(std::move(line));
  }
}

Expected<HostConfig> ConfigResolver::look_up(const std::string& alias) {
  if (!config_concerns(lines_, alias)) return HostConfig{};
  std::shared_ptr<Slot> slot;
  {
    const std::lock_guard lock(mutex_);
    auto& place = slots_[alias];
    if (!place) place = std::make_shared<Slot>();
    slot = place;
  }
  std::call_once(slot->once, [&] { slot->result = ask(alias); });
  return slot->result;
}

Expected<HostConfig> ConfigResolver::ask(const std::string& alias) {
  if (alias.empty() || alias.front() == '-') {
    return fail(ErrorCode::usage, "not a host name: \"" + printable(alias, 80) + "\"");
  }
  if (program_.empty() || !program_exists(program_)) return read_config(lines_, alias, home_);
  std::vector<std::string> argv = {program_, "-G"};
  if (!config_file_.empty()) {
    argv.insert(argv.end(), {"-F", config_file_});
  } else {
    // OpenSSH looks in the password database's home folder; where $HOME is another, $HOME counts.
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(16384);
    if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr && home_ != found->pw_dir) {
      argv.insert(argv.end(), {"-F", home_ + "/.ssh/config"});
    }
  }
  argv.insert(argv.end(), {"--", alias});
  const auto output = run_process(argv, Deadline::after(kAskLimit), 1024 * 1024);
  if (!output) return tl::unexpected(output.error());
  if (output->status != 0) {
    return fail(ErrorCode::usage,
                fmt::format("`ssh -G {}` failed: {}", alias, printable(trim(output->err))));
  }
  return parse_ssh_g(output->out, home_);
}

}  // namespace bringup::ssh
