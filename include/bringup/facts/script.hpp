#pragma once
// The read-only script of one node and the framing of what it prints.
//
// A frame is  "@@" NONCE " " NAME " " EXIT_STATUS " " FLAGS " " LENGTH "\n" PAYLOAD "\n"
// with a random NONCE per run and LENGTH in bytes, so that no output can end a frame early or forge
// one. Anything before the first frame (a chatty login shell) is skipped.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/util/error.hpp"

namespace bringup::facts {

enum class Profiler { skip, read };  // system_profiler is the slow part: read-back leaves it out

struct ScriptOptions {
  std::string nonce;     // random_hex(16)
  std::string ibv_path;  // the matrix file to read
  Profiler profiler = Profiler::read;
  int command_seconds = 10;  // a command that takes longer is ended and loses only its own record
};

// Shell functions that later parts of a script use: bu_frame NAME STATUS TEXT and
// bu_run NAME LIMIT command… (runs with stdin closed, bounded, framed). Shared with apply scripts.
std::string frame_functions(const std::string& nonce);

// POSIX sh for `sh -s`, frames every record and ends with the frame "end".
std::string facts_script(const ScriptOptions& options);

struct Frame {
  std::string name;
  int exit_status = 0;
  bool truncated = false;
  std::string payload;
};

// All frames in order. Fails (parse) when a frame is malformed or cut.
Expected<std::vector<Frame>> parse_frames(std::string_view output, std::string_view nonce);
// The whole frames that stand before the first that is malformed or cut.
std::vector<Frame> parse_frames_prefix(std::string_view output, std::string_view nonce);

// Frames of facts_script to facts. Fails (remote/parse) only when nothing usable came (no "uname"
// or no "end" frame); a single record that cannot be parsed becomes an entry in `problems`.
Expected<NodeFacts> parse_facts(const std::vector<Frame>& frames);

}  // namespace bringup::facts
