#include "bringup/facts/collection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "bringup/util/text.hpp"

namespace bringup::facts {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "bringup.collect/1";
constexpr std::size_t kMaxNodes = 4096;
constexpr std::size_t kMaxRecords = 256;
constexpr std::size_t kMaxName = 128;

// Free memory and swap as each system tells them; none of it is needed to read facts.
constexpr std::string_view kHost = R"sh(bf_host() {
  case $bf_os in
    Darwin*)
      bf_read memory 65536 memory_pressure -Q
      bf_read swap 65536 sysctl -n vm.swapusage
      ;;
    *)
      bf_read memory 65536 cat /proc/meminfo
      bf_read swap 65536 cat /proc/swaps
      ;;
  esac
  bf_read uptime 65536 uptime
  bu_frame end 0 ''
}
bf_host
)sh";

struct Stored {
  std::string_view record;
  std::string_view file;
};
constexpr std::array kFiles = {
    Stored{"profiler", "thunderbolt.json"},   Stored{"ports", "hardware-ports.txt"},
    Stored{"ifconfig", "ifconfig.txt"},       Stored{"routes", "routes.txt"},
    Stored{"sw_vers", "sw_vers.txt"},         Stored{"rdma_ctl", "rdma_ctl.txt"},
    Stored{"ibv_devices", "ibv_devices.txt"}, Stored{"ibv_devinfo", "ibv_devinfo.txt"},
    Stored{"ip_addr", "ip-addr.json"},        Stored{"os_release", "os-release.txt"},
};
constexpr std::string_view kHostFile = "host.txt";
constexpr std::array<std::string_view, 4> kHostRecords = {"model", "memory", "swap", "uptime"};

bool is_host_record(std::string_view record) {
  return std::find(kHostRecords.begin(), kHostRecords.end(), record) != kHostRecords.end();
}

// The file of a record; empty: it stands in the manifest.
std::string_view file_of(std::string_view record) {
  if (is_host_record(record)) return kHostFile;
  for (const Stored& one : kFiles) {
    if (one.record == record) return one.file;
  }
  return {};
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == ':';
         });
}

bool is_folder_name(std::string_view name) {
  return is_plain_name(name) && name.find(':') == std::string_view::npos;
}

// One section for each record, "== NAME" above it.
std::string host_text(const std::vector<Frame>& frames) {
  std::string out;
  for (const std::string_view record : kHostRecords) {
    for (const Frame& frame : frames) {
      if (frame.name != record) continue;
      out += fmt::format("== {}\n{}", record, frame.payload);
      if (!out.ends_with('\n')) out += '\n';
      break;
    }
  }
  return out;
}

// The section of a record; unset: there is none.
std::optional<std::string> host_section(std::string_view text, std::string_view record) {
  std::optional<std::string> out;
  for (const std::string_view line : split_lines(text)) {
    if (line.starts_with("== ") && is_host_record(line.substr(3))) {
      if (out) return out;
      if (line.substr(3) == record) out.emplace();
      continue;
    }
    if (out) out->append(line).append("\n");
  }
  return out;
}

ordered_json node_json(const CollectedNode& node) {
  ordered_json out{{"node", node.name}, {"error", nullptr}};
  if (node.error) {
    out["error"] = {{"code", to_string(node.error->code)},
                    {"message", node.error->message},
                    {"hint", node.error->hint}};
  }
  out["records"] = ordered_json::array();
  for (const Frame& frame : node.frames) {
    ordered_json record{
        {"name", frame.name}, {"status", frame.exit_status}, {"truncated", frame.truncated}};
    const std::string_view file = file_of(frame.name);
    if (file.empty()) {
      record["text"] = frame.payload;
    } else {
      record["file"] = file;
    }
    out["records"].push_back(std::move(record));
  }
  return out;
}

tl::unexpected<Error> malformed(const std::string& what) {
  return fail(ErrorCode::parse, "manifest.json: " + what,
              "name a folder that bringup collect wrote");
}

const std::string* text_at(const json& value, const char* key) {
  const auto found = value.find(key);
  return found == value.end() ? nullptr : found->get_ptr<const std::string*>();
}

Expected<std::optional<Frame>> parse_record(const json& value, const std::string& folder,
                                            const ReadStored& read) {
  const std::string* name = value.is_object() ? text_at(value, "name") : nullptr;
  if (name == nullptr || !is_plain_name(*name)) return malformed("a record has no name");
  const auto status = value.find("status");
  if (status == value.end() || !status->is_number_integer() || *status < 0 || *status > 999) {
    return malformed(fmt::format("the record {} has no exit status", *name));
  }
  Frame frame;
  frame.name = *name;
  frame.exit_status = status->get<int>();
  const auto truncated = value.find("truncated");
  frame.truncated = truncated != value.end() && truncated->is_boolean() && truncated->get<bool>();
  const std::string_view file = file_of(*name);
  if (file.empty()) {
    const std::string* text = text_at(value, "text");
    if (text == nullptr) return malformed(fmt::format("the record {} has no text", *name));
    frame.payload = *text;
    return frame;
  }
  auto content = read(folder + "/" + std::string(file));
  if (content && file == kHostFile) content = host_section(*content, *name);
  if (!content) return std::optional<Frame>{};
  frame.payload = std::move(*content);
  return frame;
}

Expected<CollectedNode> parse_node(const json& value, const ReadStored& read) {
  CollectedNode node;
  const std::string* name = value.is_object() ? text_at(value, "node") : nullptr;
  if (name == nullptr || !is_folder_name(*name)) return malformed("a node has no usable name");
  node.name = *name;
  const auto error = value.find("error");
  if (error != value.end() && error->is_object()) {
    const auto text = [&](const char* key) {
      const std::string* found = text_at(*error, key);
      return found == nullptr ? std::string() : printable(*found, 1000);
    };
    node.error = Error{parse_error_code(text("code")).value_or(ErrorCode::remote), text("message"),
                       text("hint")};
  }
  const auto records = value.find("records");
  if (records == value.end() || !records->is_array() || records->size() > kMaxRecords) {
    return malformed(fmt::format("{} has no records", node.name));
  }
  for (const json& record : *records) {
    auto frame = parse_record(record, node.name, read);
    if (!frame) return tl::unexpected<Error>(frame.error());
    if (*frame) {
      node.frames.push_back(std::move(**frame));
      continue;
    }
    std::string file(file_of(*text_at(record, "name")));
    if (std::find(node.missing.begin(), node.missing.end(), file) == node.missing.end()) {
      node.missing.push_back(std::move(file));
    }
  }
  return node;
}

}  // namespace

std::string collect_script(const ScriptOptions& options) {
  return facts_script(options) + std::string(kHost);
}

Expected<std::vector<StoredFile>> stored_files(const Collection& collection) {
  std::vector<StoredFile> out;
  ordered_json manifest{{"schema", kSchema},
                        {"bringup", BRINGUP_VERSION},
                        {"fleet", collection.fleet},
                        {"anonymised", collection.anonymised == Anonymised::yes},
                        {"inventory", collection.inventory}};
  manifest["nodes"] = ordered_json::array();
  for (const CollectedNode& node : collection.nodes) {
    if (!is_folder_name(node.name)) {
      return fail(ErrorCode::usage,
                  fmt::format("'{}' is no name for a folder", printable(node.name, 80)),
                  "name the node with letters, digits, '.', '_' and '-'");
    }
    for (const Stored& one : kFiles) {
      for (const Frame& frame : node.frames) {
        if (frame.name != one.record) continue;
        out.push_back({node.name + "/" + std::string(one.file), frame.payload});
        break;
      }
    }
    const std::string host = host_text(node.frames);
    if (!host.empty()) out.push_back({node.name + "/" + std::string(kHostFile), host});
    manifest["nodes"].push_back(node_json(node));
  }
  out.push_back({"manifest.json",
                 manifest.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"});
  return out;
}

Expected<Collection> parse_collection(std::string_view manifest, const ReadStored& read) {
  const json document = json::parse(manifest.begin(), manifest.end(), nullptr, false);
  if (!document.is_object()) return malformed("not a JSON object");
  const std::string* schema = text_at(document, "schema");
  if (schema == nullptr || *schema != kSchema)
    return malformed("its schema is not " + std::string(kSchema));
  Collection out;
  const std::string* fleet = text_at(document, "fleet");
  const std::string* inventory = text_at(document, "inventory");
  const auto nodes = document.find("nodes");
  if (fleet == nullptr || inventory == nullptr || nodes == document.end() || !nodes->is_array() ||
      nodes->size() > kMaxNodes) {
    return malformed("fleet, inventory or nodes are missing");
  }
  out.fleet = *fleet;
  out.inventory = *inventory;
  const auto anonymised = document.find("anonymised");
  if (anonymised != document.end() && anonymised->is_boolean() && anonymised->get<bool>()) {
    out.anonymised = Anonymised::yes;
  }
  std::set<std::string> names;
  for (const json& value : *nodes) {
    auto node = parse_node(value, read);
    if (!node) return tl::unexpected<Error>(node.error());
    if (!names.insert(node->name).second) return malformed(node->name + " stands there twice");
    out.nodes.push_back(std::move(*node));
  }
  return out;
}

Expected<NodeFacts> facts_of(const CollectedNode& node) {
  if (node.error) return tl::unexpected<Error>(*node.error);
  std::vector<Frame> frames = node.frames;
  frames.push_back({"end", 0, false, ""});
  auto facts = parse_facts(frames);
  if (!facts) return facts;
  for (const std::string& file : node.missing) {
    facts->problems.push_back(file + ": missing from the collection");
  }
  return facts;
}

}  // namespace bringup::facts
