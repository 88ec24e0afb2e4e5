#pragma once
// One renderer per format. Internal to the room.
#include "bringup/report/exports.hpp"

namespace bringup::report {

inline constexpr int kStartingPort = 32323;  // mlx.launch --starting-port

Expected<Exported> export_mlx_hostfile(const model::Fleet& fleet, const ExportOptions& options);
Expected<Exported> export_ibv_matrix(const model::Fleet& fleet);
Expected<Exported> export_jaccl_env(const model::Fleet& fleet, const ExportOptions& options);
Expected<Exported> export_nccl_env(const model::Fleet& fleet, const ExportOptions& options);
Exported export_ssh_config(const model::Fleet& fleet);
Exported export_ansible(const model::Fleet& fleet);
Expected<Exported> export_mpi(const model::Fleet& fleet);
Exported export_hosts(const model::Fleet& fleet);

// What to write after `ssh` to come to the node, where no file of settings goes with it: host or
// user@host; else the node's name, with a note that it must be in ~/.ssh/config. Only characters
// that no shell changes: mlx.launch puts it into a command as it is.
std::string bare_target(const model::Node& node, std::vector<std::string>& notes);

std::vector<std::string> names_by_rank(const model::Fleet& fleet);

}  // namespace bringup::report
