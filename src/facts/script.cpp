#include "bringup/facts/script.hpp"

#include "bringup/util/shell.hpp"

namespace bringup::facts {
namespace {

constexpr const char* kSmall = "262144";     // bytes kept of most records
constexpr const char* kProfile = "4194304";  // of the profiler's JSON
constexpr const char* kMatrix = "1048576";

}  // namespace

std::string facts_script(const ScriptOptions& options) {
  const std::string seconds = std::to_string(options.command_seconds);
  const auto run = [&](const std::string& name, const char* bytes, const std::string& command) {
    return "bu_run " + name + " " + bytes + " " + seconds + " " + command + "\n";
  };
  std::string script = frame_functions(options.nonce);
  script += run("uname", kSmall, "uname -s");
  script += run("user", kSmall, "id -un");
  script += run("hostname", kSmall, "hostname");
  script += "bu_frame session 0 \"${SSH_CONNECTION:-}\"\n";
  script += run("sudo", kSmall, "sudo -n true");
  // `ifconfig -a` lists every bridge with its members, whatever its number: no scan of bridge0..9.
  script += "case $(uname -s) in\nDarwin)\n";
  script += run("sw_vers", kSmall, "sw_vers");
  script += run("model", kSmall, "sysctl -n hw.model");
  script += run("ifconfig", kSmall, "ifconfig -a");
  script += run("ports", kSmall, "networksetup -listallhardwareports");
  script += run("location", kSmall, "networksetup -getcurrentlocation");
  script += run("routes", kSmall, "netstat -rn -f inet");
  script += run("rdma_ctl", kSmall, "rdma_ctl status");
  script += run("ibv_devices", kSmall, "ibv_devices");
  if (options.profiler == Profiler::read) {
    script += run("profiler", kProfile, "system_profiler SPThunderboltDataType -json");
  }
  script +=
      "if [ -e /Library/LaunchDaemons/io.exo.networksetup.plist ]; then bu_frame exo 0 present; "
      "fi\n";
  script += ";;\n*)\n";
  script += run("os_release", kSmall, "cat /etc/os-release");
  script += run("ip_addr", kSmall, "ip -br addr");
  script += ";;\nesac\n";
  const std::string path = shell_quote(options.ibv_path);
  script += "if [ -f " + path + " ]; then\n  " + run("matrix", kMatrix, "cat " + path) +
            "elif [ -e " + path + " ]; then bu_frame matrix 1 'not a regular file'\nfi\n";
  script += "bu_frame end 0 ''\n";
  return script;
}

}  // namespace bringup::facts
