#pragma once
// What `bringup collect` stores of a fleet: each node's own output, file by file, and a manifest
// from which the facts can be read again without a network. Pure: files are names and texts here.
//
//   OUT/manifest.json              "bringup.collect/1" (docs/schema/collect-1.json)
//   OUT/NODE/thunderbolt.json      system_profiler SPThunderboltDataType -json
//   OUT/NODE/hardware-ports.txt    networksetup -listallhardwareports
//   OUT/NODE/ifconfig.txt          ifconfig -a
//   OUT/NODE/routes.txt            netstat -rn -f inet
//   OUT/NODE/sw_vers.txt rdma_ctl.txt ibv_devices.txt ibv_devinfo.txt
//   OUT/NODE/host.txt              model, memory pressure, swap, uptime
//
// Of a Linux node: ip-addr.json, os-release.txt, ibv_devinfo.txt and host.txt. Short records (user,
// session, sudo …) stand in the manifest itself.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/script.hpp"
#include "bringup/util/error.hpp"

namespace bringup::facts {

// facts_script() and, after its frame "end", memory, swap, uptime and another "end".
std::string collect_script(const ScriptOptions& options);

struct CollectedNode {
  std::string name;
  std::optional<Error> error;  // why the node gave no facts
  std::vector<Frame> frames;   // without "end"
  // Files that the manifest names and that could not be read.
  std::vector<std::string> missing = {};
};

enum class Anonymised { no, yes };

struct Collection {
  std::string fleet;
  std::string inventory;  // TOML, see model/inventory_text.hpp
  Anonymised anonymised = Anonymised::no;
  std::vector<CollectedNode> nodes;
};

struct StoredFile {
  std::string path;  // below OUT: "studio1/ifconfig.txt"
  std::string content;
};

// Fails (usage) for a node whose name is no folder's name. The manifest is the last.
Expected<std::vector<StoredFile>> stored_files(const Collection& collection);

// A file below OUT, by its path as in StoredFile; unset: it is not there or cannot be read.
using ReadStored = std::function<std::optional<std::string>(const std::string& path)>;

// The collection of these files. A file that is missing takes its records with it: nothing is
// guessed in their place. Fails (parse) for a manifest that is none; it can name no file but those
// above.
Expected<Collection> parse_collection(std::string_view manifest, const ReadStored& read);

// As parse_facts(); files that are missing stand in `problems`, too. Fails with the node's own
// error when it gave no facts.
Expected<NodeFacts> facts_of(const CollectedNode& node);

}  // namespace bringup::facts
