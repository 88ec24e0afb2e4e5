#pragma once
// What ~/.ssh/config says of a host. `ssh -G` is asked where it exists; as a process costs more
// than a whole connection, our own scanner first looks whether any directive could apply at all.
// Where there is no `ssh`, the scanner's own reading (Host blocks and Include, no Match) is what
// counts.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/util/error.hpp"

namespace bringup::ssh {

enum class ConfigSource { defaults, ssh_program, own_parser };

// Empty members: nothing said.
struct HostConfig {
  ConfigSource source = ConfigSource::defaults;
  std::string host_name;
  std::string user;
  std::optional<std::uint16_t> port;
  std::vector<std::string> identity_files;
  bool identities_only = false;
  std::string proxy_jump;
  std::string proxy_command;
  std::vector<std::string> known_hosts_files;
  std::string host_key_alias;
};

// One directive with the block it stands in.
struct ConfigLine {
  std::string keyword;             // lower case
  std::vector<std::string> words;  // unquoted arguments
  std::vector<std::string> hosts;  // patterns of the Host block; {"*"} before the first
  bool match = false;              // stands in a Match block
};

// Reads a file's directives in order, with those of included files in their place (depth at most
// 16). `home` expands "~"; relative Include paths are taken from `include_dir`.
std::vector<ConfigLine> scan_config(std::string_view text, const std::string& home,
                                    const std::string& include_dir, int depth = 0);

// Whether `alias` may get anything that this room honours out of these lines.
bool config_concerns(const std::vector<ConfigLine>& lines, std::string_view alias);

// The first value wins, except for identity files, which add up. Match blocks are left out.
HostConfig read_config(const std::vector<ConfigLine>& lines, std::string_view alias,
                       const std::string& home);

// The output of `ssh -G`.
Expected<HostConfig> parse_ssh_g(std::string_view text, const std::string& home);

// Thread-safe; each alias is looked up once.
class ConfigResolver {
 public:
  // `config_file` as in ClientOptions. `program`: "ssh", or empty to use the own parser alone.
  ConfigResolver(std::string config_file, std::string program = "ssh");

  Expected<HostConfig> look_up(const std::string& alias);
  [[nodiscard]] const std::string& home() const { return home_; }

 private:
  struct Slot {
    std::once_flag once;
    Expected<HostConfig> result;
  };
  Expected<HostConfig> ask(const std::string& alias);

  std::string config_file_;
  std::string program_;
  std::string home_;
  std::vector<ConfigLine> lines_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>> slots_;
};

// The home folder: $HOME, else the password database's.
std::string home_folder();

// "~" and "~/x".
std::string expand_home(const std::string& path, const std::string& home);

// "user@host:port", "[v6]:port", "ssh://user@host:port"; false when it is none of them.
struct JumpName {
  std::string user;
  std::string host;
  std::optional<std::uint16_t> port;
};
std::optional<JumpName> parse_jump(std::string_view text);

}  // namespace bringup::ssh
