#pragma once
// The read-only script of one node and the framing of what it prints.
//
// A frame is  "@@" NONCE " " NAME " " EXIT_STATUS " " FLAGS " " LENGTH "\n" PAYLOAD "\n"
// with a random NONCE per run and LENGTH in bytes, so that no output can end a frame early or forge
// one. FLAGS is "-", or "t" when the payload's end is missing. Anything before the first frame (a
// chatty login shell) is skipped. After a frame "end" another script's frames may follow; anything
// else there (a shell's farewell) is skipped, too.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/util/error.hpp"

namespace bringup::facts {

// Exit statuses that bu_run gives by itself, beside those of the commands.
inline constexpr int kStatusTimeLimit = 124;  // ended by the watchdog; payload: what came before
inline constexpr int kStatusNotFound = 127;   // no such command on the node; it was not run
inline constexpr int kStatusCut = 141;        // printed more than its limit

enum class Profiler { skip, read };  // system_profiler is the slow part: read-back leaves it out

struct ScriptOptions {
  std::string nonce;     // random_hex(16)
  std::string ibv_path;  // the matrix file to read
  Profiler profiler = Profiler::read;
  int command_seconds = 10;  // a command that takes longer is ended and loses only its own record
};

// Shell functions that later parts of a script use; shared by facts, apply and check scripts.
//
//   bu_frame NAME STATUS TEXT [FLAGS]  prints one frame.
//   bu_run NAME LIMIT SECONDS COMMAND… runs a command (or a shell function) and prints its frame:
//       at most LIMIT bytes (and a few) of what it prints, for at most SECONDS.
//   bu_timed SECONDS COMMAND…          the same without bound and frame; 124 when it was ended.
//
// Commands run with stdin closed, stdout and stderr together. At a limit a command is ended with
// its offspring; one that cannot be ended (root's) is left alone, and bu_run goes on without it.
// NUL bytes are lost, as a shell cannot keep them. Names that start with bf_ belong to these
// functions, bu_ to the scripts that use them. Descriptor 5 is closed for commands of bu_run.
//
// Throws std::invalid_argument for a nonce that is not 8 to 64 letters and digits.
std::string frame_functions(const std::string& nonce);

// POSIX sh for `sh -s`, frames every record and ends with the frame "end". Reads only: it leaves no
// file on the node. It does not exit, so that it may be the last part of a longer script.
std::string facts_script(const ScriptOptions& options);

struct Frame {
  std::string name;
  int exit_status = 0;
  bool truncated = false;
  std::string payload;
};

// All frames in order. Fails (parse) when there is none, or when one
// is malformed or cut.
Expected<std::vector<Frame>> parse_frames(std::string_view output, std::string_view nonce);
// The whole frames that stand before the first that is malformed or cut.
std::vector<Frame> parse_frames_prefix(std::string_view output, std::string_view nonce);

// Frames of facts_script to facts; other frames are left in `raw`. Fails (remote) only when nothing
// usable came (no "uname" or no "end" frame); a single record that cannot be parsed becomes an
// entry in `problems`.
Expected<NodeFacts> parse_facts(const std::vector<Frame>& frames);

}  // namespace bringup::facts
