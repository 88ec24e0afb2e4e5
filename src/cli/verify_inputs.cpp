#include "verify_inputs.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bringup/cli/session.hpp"
#include "bringup/run/journal.hpp"
#include "bringup/util/text.hpp"

namespace bringup::cli {
namespace {

namespace fs = std::filesystem;

// A probe is about half a megabyte.
constexpr std::uintmax_t kMaxProbe = std::uintmax_t{32} << 20;

std::optional<std::string> read_all(const fs::path& path, std::uintmax_t limit) {
  std::error_code unknown;
  const std::uintmax_t size = fs::file_size(path, unknown);
  if (unknown || size == 0 || size > limit) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return std::nullopt;
  return text;
}

std::string own_uname() {
  utsname self{};
  if (::uname(&self) != 0) return {};
  return std::string(self.sysname) + " " + self.machine;
}

// "Darwin arm64" to "bringup-probe-darwin-arm64".
std::string file_for(std::string_view uname) {
  std::string name = "bringup-probe-";
  for (const char c : uname) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (c >= 'A' && c <= 'Z') {
      name += static_cast<char>(c - 'A' + 'a');
    } else {
      name += letter ? c : '-';
    }
  }
  return name;
}

// "20261121-050435-verify-1a2b" to "the run of 2026-11-21 05:04:35".
std::string run_name(const std::string& folder) {
  const std::string& f = folder;
  if (f.size() < 15) return "the run " + printable(f, 60);
  return "the run of " + f.substr(0, 4) + "-" + f.substr(4, 2) + "-" + f.substr(6, 2) + " " +
         f.substr(9, 2) + ":" + f.substr(11, 2) + ":" + f.substr(13, 2);
}

}  // namespace

run::ProbeFinder probe_finder(const Options& options) {
  if (options.probe == "none") return {};
  if (!options.probe.empty()) {
    const auto given = read_all(options.probe, kMaxProbe);
    if (!given) throw Exit{2, "--probe: " + printable(options.probe, 200) + " cannot be read\n"};
    return [given](std::string_view) -> std::optional<std::string> { return *given; };
  }
  const fs::path folder = program_folder();
  if (folder.empty()) return {};
  return [folder](std::string_view uname) -> std::optional<std::string> {
    if (auto made_for_it = read_all(folder / file_for(uname), kMaxProbe)) return made_for_it;
    if (uname != own_uname()) return std::nullopt;
    return read_all(folder / "bringup-probe", kMaxProbe);
  };
}

NamedBaseline load_baseline(const std::string& which, const std::string& fleet) {
  if (which != "last") {
    const auto text = read_all(which, verify::kMaxBaseline);
    if (!text) throw Exit{2, "--baseline: " + printable(which, 200) + " cannot be read\n"};
    auto parsed = verify::parse_baseline(*text);
    if (!parsed) {
      throw Exit{2, "--baseline: " + printable(which, 200) + ": " + parsed.error().message + "\n"};
    }
    return {*std::move(parsed), printable(which, 200)};
  }
  std::vector<std::string> names;
  const fs::path runs = fs::path(run::default_state_home()) / "bringup" / "runs";
  std::error_code unknown;
  for (const auto& entry : fs::directory_iterator(runs, unknown)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.rbegin(), names.rend());
  for (const std::string& name : names) {
    const auto text = read_all(runs / name / "report.json", verify::kMaxBaseline);
    if (!text) continue;
    auto parsed = verify::parse_baseline(*text);
    if (parsed && parsed->green && parsed->fleet == fleet && !parsed->cells.empty()) {
      return {*std::move(parsed), run_name(name)};
    }
  }
  throw Exit{2, "--baseline last: no run of this fleet in which everything passed is in " +
                    runs.string() + "\n  cure: run bringup verify once while all is well\n"};
}

}  // namespace bringup::cli
