#include "bringup/plan/persist.hpp"
#include "bringup/model/mac.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "shell_text.hpp"

namespace bringup::plan {
namespace {

constexpr std::size_t kMaxPlist = std::size_t{1} << 20U;
constexpr int kSeconds = 60;

// launchd.plist(5): RunAtLoad when the job is loaded, which is at boot for all in
// /Library/LaunchDaemons; StartInterval in seconds.
constexpr std::string_view kPlistHead =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>Label</key><string>dev.bringup.links</string>
<key>RunAtLoad</key><true/>
<key>StartInterval</key><integer>60</integer>
<key>StandardOutPath</key><string>/var/log/bringup-links.log</string>
<key>StandardErrorPath</key><string>/var/log/bringup-links.log</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>)";
constexpr std::string_view kPlistTail = "</string></array>\n</dict>\n</plist>\n";

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 16);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t taken = 1;
    char c = text.front();
    for (const auto& [entity, plain] :
         {std::pair<std::string_view, char>{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}}) {
      if (!text.starts_with(entity)) continue;
      taken = entity.size();
      c = plain;
    }
    out += c;
    text.remove_prefix(taken);
  }
  return out;
}

// The words of one command as shell_quote() writes them, up to the end of its line. Nothing for
// anything else.
std::optional<std::vector<std::string>> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool any = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\'') {
        quoted = false;
      } else {
        word += c;
      }
    } else if (c == '\'') {
      quoted = any = true;
    } else if (c == '\\') {
      if (++i == text.size()) return std::nullopt;
      word += text[i];
      any = true;
    } else if (c == ' ' || c == '\n') {
      if (any) words.push_back(std::move(word));
      word.clear();
      any = false;
      if (c == '\n') return words;
    } else {
      word += c;
      any = true;
    }
  }
  return std::nullopt;
}

// Every line "  KEY …" of the script, as words; an empty one for a line that is not as we write it.
std::vector<std::vector<std::string>> lines_of(std::string_view text, std::string_view key) {
  const std::string mark = fmt::format("\n  {} ", key);
  std::vector<std::vector<std::string>> out;
  for (std::size_t at = text.find(mark); at != std::string_view::npos;
       at = text.find(mark, at + 1)) {
    out.push_back(shell_words(text.substr(at + 1)).value_or(std::vector<std::string>{""}));
  }
  return out;
}

std::optional<KeptLink> read_link(const std::vector<std::string>& words) {
  if (words.size() != 5 || !is_interface_name(words[1])) return std::nullopt;
  const auto address = model::Ipv4::parse(words[2]);
  const auto mask = model::Ipv4::parse(words[3]);
  if (!address || !mask) return std::nullopt;
  for (int prefix = 0; prefix <= 32; ++prefix) {
    if (model::Subnet::mask_of(prefix) == mask->value())
      return KeptLink{words[1], {*address, prefix}};
  }
  return std::nullopt;
}

}  // namespace

bool is_login_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 64 && plain(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return plain(c) || c == '.' || c == '-'; });
}

KeptSettings kept_settings(const model::Fleet& fleet, std::size_t node, const std::string& login) {
  KeptSettings out;
  bool rdma = false;
  for (const auto& link : fleet.links) {
    rdma = rdma || link.rdma;
    for (const auto& end : link.ends) {
      if (end.node != node) continue;
      out.links.push_back({end.interface, {end.address, link.subnet.prefix()}});
    }
  }
  for (const auto& segment : fleet.segments) {
    const bool here = std::ranges::any_of(segment.members,
                                          [&](const auto& member) { return member.node == node; });
    for (const auto& member : segment.members) {
      if (member.node == node) {
        out.links.push_back({member.interface, {member.address, segment.subnet.prefix()}});
      } else if (here && !member.mac.empty()) {
        out.neighbours.push_back({member.address, member.mac});
      }
    }
  }
  for (const auto& route : topology::routes_of(fleet, node)) {
    out.routes.push_back({route.destination, route.via});
  }
  out.forwarding = topology::forwards(fleet, node);
  const auto matrix = topology::ibv_matrix(fleet);
  if (rdma && matrix && is_login_name(login)) {
    out.matrix_path = fleet.ibv_path;
    out.matrix = topology::to_json(*matrix);
    out.user = login;
  }
  return out;
}

std::string launch_daemon(const KeptSettings& settings) {
  static_assert(kSeconds == 60);
  return std::string(kPlistHead) + escaped(keeper_script(settings)) + std::string(kPlistTail);
}

std::optional<KeptSettings> parse_launch_daemon(std::string_view plist) {
  if (plist.size() > kMaxPlist || !plist.starts_with(kPlistHead) || !plist.ends_with(kPlistTail) ||
      plist.size() < kPlistHead.size() + kPlistTail.size()) {
    return std::nullopt;
  }
  const std::string script = unescaped(
      plist.substr(kPlistHead.size(), plist.size() - kPlistHead.size() - kPlistTail.size()));
  KeptSettings settings;
  const std::string_view text = script;
  for (const auto& words : lines_of(text, "link")) {
    const auto link = read_link(words);
    if (!link) return std::nullopt;
    settings.links.push_back(*link);
  }
  settings.forwarding = text.find("\n  forward\n") != std::string_view::npos;
  for (const auto& words : lines_of(text, "route")) {
    if (words.size() != 4) return std::nullopt;
    const auto destination = model::Subnet::parse(words[1]);
    const auto via = model::Ipv4::parse(words[2]);
    if (!destination || !via || destination->prefix() < 2) return std::nullopt;
    settings.routes.push_back({*destination, *via});
  }
  for (const auto& words : lines_of(text, "neighbour")) {
    if (words.size() != 3 || !model::is_mac(words[2])) return std::nullopt;
    const auto address = model::Ipv4::parse(words[1]);
    if (!address) return std::nullopt;
    settings.neighbours.push_back({*address, words[2]});
  }
  if (const auto at = text.find("\n  matrix "); at != std::string_view::npos) {
    const auto words = shell_words(text.substr(at + 1));
    if (!words || words->size() != 4 || !is_login_name((*words)[1]) ||
        !(*words)[2].starts_with('/')) {
      return std::nullopt;
    }
    settings.user = (*words)[1];
    settings.matrix_path = (*words)[2];
    settings.matrix = (*words)[3];
  }
  if (launch_daemon(settings) != plist) return std::nullopt;
  return settings;
}

std::string install_keeper_command(std::string_view plist, std::string_view before) {
  return fmt::format(
      "t=$(mktemp /tmp/{0}.XXXXXX) && {1} >\"$t\" && {2}install -o 0 -g 0 -m 644 \"$t\" {3}.new && "
      "{2}mv -f {3}.new {3} && rm -f \"$t\" && {{ {2}launchctl bootout system/{0} 2>/dev/null; "
      "{2}launchctl bootstrap system {3}; }}",
      facts::kKeeperLabel, print_lines(plist), before, facts::kKeeperPlist);
}

std::string remove_keeper_command(std::string_view before) {
  return fmt::format("{{ {0}launchctl bootout system/{1} 2>/dev/null; {0}rm -f {2}; }}", before,
                     facts::kKeeperLabel, facts::kKeeperPlist);
}

Action install_keeper(const std::string& plist, std::string why, const facts::FileState& now) {
  Action action;
  action.task = Task::persist_install;
  action.target = facts::kKeeperPlist;
  action.content = plist;
  action.command = install_keeper_command(plist);
  action.why = std::move(why);
  action.undo = now.present && now.problem.empty() ? install_keeper_command(now.content)
                                                   : remove_keeper_command();
  action.expected = fmt::format("{} loaded, with the fleet's settings", facts::kKeeperLabel);
  return action;
}

Action remove_keeper(std::string why, const facts::FileState& now) {
  Action action;
  action.task = Task::persist_remove;
  action.target = facts::kKeeperPlist;
  action.command = remove_keeper_command();
  action.why = std::move(why);
  if (now.present && now.problem.empty()) action.undo = install_keeper_command(now.content);
  action.expected = fmt::format("no {}, and nothing loaded of it", facts::kKeeperPlist);
  return action;
}

std::string_view to_string(KeeperState state) {
  switch (state) {
    case KeeperState::unused:
      return "unused";
    case KeeperState::missing:
      return "missing";
    case KeeperState::stale:
      return "stale";
    case KeeperState::left:
      return "left";
    case KeeperState::ready:
      return "ready";
  }
  return "unused";
}

KeeperState keeper_state(const model::Fleet& fleet, std::size_t node,
                         const facts::NodeFacts& facts) {
  const auto& keeper = facts.keeper;
  const bool there = keeper.file.present || keeper.loaded;
  const bool wanted = fleet.persist && facts.os == facts::Os::darwin &&
                      !(fleet.links_of(node).empty() && fleet.segments_of(node).empty());
  if (!wanted) return there ? KeeperState::left : KeeperState::unused;
  if (!there) return KeeperState::missing;
  const bool same =
      keeper.file.present && keeper.file.problem.empty() &&
      keeper.file.content == launch_daemon(kept_settings(fleet, node, facts.login_user));
  return same && keeper.loaded ? KeeperState::ready : KeeperState::stale;
}

}  // namespace bringup::plan
