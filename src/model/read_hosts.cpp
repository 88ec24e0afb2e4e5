// [fleet], [defaults], [proxies.X], [nodes.X] and [groups].
#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "bringup/util/text.hpp"
#include "reader.hpp"

namespace bringup::model {
namespace {

constexpr std::int64_t highest_port = 65535;
// The bounds of a rank are those of the fleet, which is not known yet.
constexpr std::int64_t lowest_rank = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest_rank = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::pair<std::string_view, Become>, 3> become_words{{
    {"sudo", Become::sudo},
    {"sudo-password", Become::sudo_password},
    {"none", Become::none},
}};

std::optional<Become> read_become(TableReader& table, Collector& problems) {
  const auto word = table.text("become");
  if (!word) {
    return std::nullopt;
  }
  std::vector<std::string> words;
  for (const auto& [text, value] : become_words) {
    if (text == word->value) {
      return value;
    }
    words.emplace_back(text);
  }
  problems.add(word->spot, fmt::format("become {} is not known", quoted(word->value)),
               "one of: " + join(words, ", "));
  return std::nullopt;
}

std::optional<DeclaredVia> read_via(TableReader& table) {
  auto hops = table.texts("via", TableReader::Lone::allowed);
  if (!hops) {
    return std::nullopt;
  }
  DeclaredVia via;
  via.hops = std::move(*hops);
  return via;
}

// What [defaults] gives and a table of its own may replace.
struct HostKeys {
  DeclaredReach reach;
  std::optional<Become> become;
  std::optional<std::vector<std::string>> groups;
};

std::optional<std::vector<std::string>> read_groups(TableReader& table, Collector& problems) {
  const auto given = table.texts("groups", TableReader::Lone::refused);
  if (!given) {
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const Located<std::string>& group : *given) {
    if (auto refusal = check_name("group", group.value)) {
      problems.add(group.spot, std::move(refusal->message), std::move(refusal->cure));
    } else {
      names.push_back(group.value);
    }
  }
  return names;
}

void read_reach(TableReader& table, const toml::table& source, DeclaredReach& reach,
                Collector& problems) {
  if (auto host = table.checked("host", check_host)) {
    reach.ssh.host = std::move(host->value);
  }
  if (auto user = table.checked("user", check_user)) {
    reach.ssh.user = std::move(user->value);
  }
  if (const auto port = table.integer("port", 1, highest_port)) {
    reach.ssh.port = static_cast<std::uint16_t>(port->value);
  }
  if (auto key = table.checked("host_key", check_host_key)) {
    reach.ssh.host_key = std::move(key->value);
  }
  if (const auto files = table.texts("identity_file", TableReader::Lone::allowed)) {
    reach.ssh.identity_files.clear();
    for (const Located<std::string>& file : *files) {
      if (auto refusal = check_identity_file(file.value)) {
        problems.add(file.spot, std::move(refusal->message), std::move(refusal->cure));
      } else {
        reach.ssh.identity_files.push_back(file.value);
      }
    }
  }
  if (auto via = read_via(table)) {
    const toml::node* node = source.get("via");
    via->form = node != nullptr && node->is_string() ? ViaForm::follow : ViaForm::exact;
    reach.via = std::move(via);
  }
}

HostKeys read_defaults(TableReader& root, Collector& problems) {
  HostKeys defaults;
  const toml::table* source = root.table("defaults", "[defaults]");
  if (source == nullptr) {
    return defaults;
  }
  TableReader table(*source, root.key_spot("defaults"), "[defaults]", problems);
  read_reach(table, *source, defaults.reach, problems);
  defaults.become = read_become(table, problems);
  defaults.groups = read_groups(table, problems);
  if (table.integer("rank", lowest_rank, highest_rank)) {
    problems.add(table.key_spot("rank"), "'rank' in [defaults]",
                 "a rank belongs to one node: set it in [nodes.NAME]");
  }
  table.refuse_unknown_keys();
  return defaults;
}

// Calls `read(reader, table, name)` for each [part.NAME], in order of appearance.
template <class Read>
void each_named(TableReader& root, std::string_view part, std::string_view what,
                Collector& problems, const Read& read) {
  const toml::table* tables = root.table(part, fmt::format("[{}.NAME]", part));
  if (tables == nullptr) {
    return;
  }
  for (const Entry& entry : entries_in_order(*tables)) {
    if (auto refusal = check_name(what, entry.name)) {
      problems.add(entry.spot, std::move(refusal->message), std::move(refusal->cure));
    }
    static const toml::table empty;
    const toml::table* source = entry.node->as_table();
    if (source == nullptr) {
      problems.add(entry.spot, fmt::format("{} in [{}] is not a table", quoted(entry.name), part),
                   fmt::format("start the {} with [{}.{}]", what, part, printable(entry.name, 80)));
      source = &empty;
    }
    TableReader table(*source, entry.spot, fmt::format("[{}.{}]", part, printable(entry.name, 80)),
                      problems);
    read(table, *source, Located<std::string>{entry.name, entry.spot});
    table.refuse_unknown_keys();
  }
}

void read_group_tables(TableReader& root, Declared& declared, Collector& problems) {
  const toml::table* source = root.table("groups", "[groups]");
  if (source == nullptr) {
    return;
  }
  TableReader table(*source, root.key_spot("groups"), "[groups]", problems);
  for (const Entry& entry : entries_in_order(*source)) {
    if (auto refusal = check_name("group", entry.name)) {
      problems.add(entry.spot, std::move(refusal->message), std::move(refusal->cure));
    }
    DeclaredGroup group{{entry.name, entry.spot}, {}};
    if (auto members = table.texts(entry.name, TableReader::Lone::refused)) {
      group.members = std::move(*members);
    }
    declared.groups.push_back(std::move(group));
  }
}

}  // namespace

void read_fleet(TableReader& root, Declared& declared, Collector& problems) {
  const toml::table* source = root.table("fleet", "[fleet]");
  if (source == nullptr) {
    return;
  }
  TableReader table(*source, root.key_spot("fleet"), "[fleet]", problems);
  const auto name =
      table.checked("name", [](std::string_view text) { return check_name("fleet", text); });
  declared.name = name ? name->value : declared.name;
  if (const auto pool = read_subnet(table, "address_pool", problems)) {
    declared.address_pool = *pool;
  }
  if (auto path = table.checked("ibv_path", check_ibv_path)) {
    declared.ibv_path = std::move(path->value);
  }
  if (const auto persist = table.flag("persist")) {
    declared.persist = persist->value;
  }
  table.refuse_unknown_keys();
}

void read_hosts(TableReader& root, Declared& declared, Collector& problems) {
  const HostKeys defaults = read_defaults(root, problems);
  each_named(root, "proxies", "proxy", problems,
             [&](TableReader& table, const toml::table& source, Located<std::string> name) {
               DeclaredProxy proxy{std::move(name), {}};
               read_reach(table, source, proxy.reach, problems);
               declared.proxies.push_back(std::move(proxy));
             });
  each_named(root, "nodes", "node", problems,
             [&](TableReader& table, const toml::table& source, Located<std::string> name) {
               DeclaredNode node{std::move(name), defaults.reach, {}, {}, {}};
               read_reach(table, source, node.reach, problems);
               const auto become = read_become(table, problems);
               node.become = become ? become : defaults.become;
               node.rank = table.integer("rank", lowest_rank, highest_rank);
               const auto groups = read_groups(table, problems);
               node.groups =
                   groups ? *groups : defaults.groups.value_or(std::vector<std::string>{});
               declared.nodes.push_back(std::move(node));
             });
  declared.nodes_are_bad = declared.nodes.empty() && root.has("nodes");
  read_group_tables(root, declared, problems);
}

}  // namespace bringup::model
