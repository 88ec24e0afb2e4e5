#pragma once
// One cell of the matrix in words. Internal to the room.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/report/style.hpp"
#include "bringup/verify/matrix.hpp"
#include "paint.hpp"

namespace bringup::report {

Mark mark_of(verify::CellStatus status);

// For the matrix: "0.12 ms", "slow 3.10 ms", "✗", "—", "untested", "no ssh", "error". No colours.
std::string short_words(const verify::Cell& cell);

// For a line of its own, after the mark: "0.12 ms", "no reply: hwstudio2:en5 is down (cable
// unplugged?)", "not linked"…
std::string long_words(const verify::Cell& cell);

// What one of several checks came to in this cell: `cell.status` where it has no measurement of its
// own to go by. Route and ping are one.
verify::CellStatus status_of(const verify::Cell& cell, verify::CheckKind kind);

// One figure of the cell in a table of its own: "39.8", "slow 21.3", "✗", "no iperf3", "—".
enum class Column { cable, ping, mtu, tcp, iperf, rdma_bandwidth, rdma_latency };
verify::CheckKind kind_of(Column column);
std::string short_words(const verify::Cell& cell, Column column);

// "bringup-probe", "ibv_uc_pingpong", "ibv_rc_pingpong": which program made RDMA's figures.
std::string_view means_words(verify::RdmaMeans means);

// "enabled", "disabled", "no-tool" or "unknown": also where no facts were read.
std::string_view rdma_word(const std::optional<facts::NodeFacts>& facts);
// Of one end. Linux has no switch for the whole node: "active" or "down" is the port of the end's
// device, "none" that there is no such device.
std::string_view rdma_word(const std::optional<facts::NodeFacts>& facts, const model::LinkEnd& end);

// "hwstudio1 → hwstudio2", with " (en3)" behind when several links join the two.
std::string pair_words(const model::Fleet& fleet, const verify::Cell& cell);

// The distinct findings of the matrix: what was seen, what was expected, what to do next.
std::string findings_text(const std::vector<verify::Finding>& findings, const Style& style);
std::string matrix_findings(const verify::Matrix& matrix, const Style& style);

}  // namespace bringup::report
