#pragma once
// What JACCL makes of a device matrix. It judges as jaccl.cpp of MLX does (Config::is_valid_mesh,
// is_valid_ring, init), and refuses what JACCL takes without a word: with a matrix that is neither
// mesh nor ring, and with a "ring" without devices, every rank forms a group of one and no message
// is printed (ml-explore/mlx issue 4210).
#include <cstddef>
#include <string>
#include <vector>

#include "bringup/topology/ibv_matrix.hpp"
#include "bringup/util/error.hpp"

namespace bringup::topology {

inline constexpr std::size_t kJacclMeshNodes = 8;   // MESH_MAX_PEERS, the node itself included
inline constexpr std::size_t kJacclRingCables = 4;  // RING_MAX_CONNS, to each side

enum class JacclShape { mesh, ring };

// The shape that JACCL would use. `ring` means that MLX_JACCL_RING=1 must be set where the matrix
// is a full mesh of too many nodes. Fails (usage), naming ranks by `names` (by rank), when JACCL
// would fall back to groups of one, fail at start, or use one device for two peers.
Expected<JacclShape> jaccl_shape(const IbvMatrix& matrix, const std::vector<std::string>& names);

// The matrix of the same cables with the nodes in another order: row and column k are those of
// rank order[k].
IbvMatrix reordered(const IbvMatrix& matrix, const std::vector<std::size_t>& order);

// Only neighbours in the order of the rows, `cables` devices each; everyone else null.
IbvMatrix ring_only(const IbvMatrix& matrix, std::size_t cables);

}  // namespace bringup::topology
