#pragma once
// Many checks of one node at once, their frames in order. Internal to the room.
#include <string>
#include <string_view>
#include <vector>

namespace bringup::verify {

// The links of a node stand side by side in one pipeline. Each stage first runs its own checks, all
// stages at once, keeping what they print in variables; then it passes on what the stages before it
// wrote (`cat`) and adds its own frames. So no two processes ever write to one pipe, frames cannot
// mix whatever their length, their order is that of the stages, and nothing is stored on the node.
// (One write per frame from background jobs would not do: bash writes line by line, and sshd may
// hand the shell a socket, for which PIPE_BUF promises nothing.)
//
// `stages` are calls of shell functions; empty: the empty string.
std::string pipeline(const std::vector<std::string>& stages);

// bu_keep keeps the last BYTES of what a command says with its status behind it, since a pipe's
// status would be that of tail; a command that overstays SECONDS is ended. bu_part NAME KEPT takes
// the two apart again and prints the frame. bu_mtu_of prints the MTU that a command tells of an
// interface, or nothing. They need facts::frame_functions().
//
//   bu_keep BYTES SECONDS COMMAND…
//   bu_mtu_of COMMAND…
extern const std::string_view kKeepFunctions;

}  // namespace bringup::verify
