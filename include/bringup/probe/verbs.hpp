#pragma once
// What the probe needs of RDMA verbs: one device, one queue pair at a time. The seam between the
// probe's logic and libibverbs, so that both can be tested apart.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace bringup::probe {

// A call that failed. `error_number` is the node's own errno, 0 when the call gives none.
struct VerbsError {
  std::string verb;  // "ibv_reg_mr", "ibv_modify_qp(RTR)", …
  int error_number = 0;
};

template <class T>
using Verdict = tl::expected<T, VerbsError>;

using Gid = std::array<std::uint8_t, 16>;

// Adapters that speak both RoCE versions list an address once for each; only equal ones meet.
enum class GidType { unknown, roce_v1, roce_v2 };

struct GidEntry {
  Gid gid{};  // all zero: the entry is empty
  GidType type = GidType::unknown;
};

enum class PortState { down, initialising, armed, active, unknown };

struct DeviceInfo {
  unsigned ports = 0;
  std::uint64_t max_region = 0;  // bytes of one memory registration; 0: not said
};

struct PortInfo {
  PortState state = PortState::unknown;
  std::uint32_t active_mtu = 0;   // bytes; 0: not said
  std::uint32_t max_message = 0;  // bytes; 0: not said
  std::uint16_t lid = 0;
  unsigned gid_entries = 0;
  std::string link_layer;  // "ethernet", "infiniband", "other"
};

enum class QueuePairType { uc, rc };

struct QueuePairOptions {
  QueuePairType type = QueuePairType::uc;
  unsigned sends = 1;     // outstanding, at most
  unsigned receives = 1;  // posted, at most
};

struct RemoteEnd {
  std::uint32_t qpn = 0;
  std::uint32_t psn = 0;
  Gid gid{};
  std::uint16_t lid = 0;
  std::uint32_t path_mtu = 0;  // bytes: 256, 512, 1024, 2048 or 4096
};

struct Completion {
  std::uint64_t id = 0;
  int status = 0;  // ibv_wc_status; 0 is success
  std::uint32_t bytes = 0;
};

// Calls come in the order of the declarations; close() (and the destructor) undo all of them in
// reverse. Not for several threads.
class Verbs {
 public:
  virtual ~Verbs() = default;

  // Names of the devices; none is an empty list. A system without RDMA fails with ENOSYS, one
  // without the library with the verb "dlopen".
  virtual Verdict<std::vector<std::string>> list_devices() = 0;
  virtual Verdict<DeviceInfo> open_device(const std::string& name) = 0;
  virtual Verdict<PortInfo> query_port(unsigned port) = 0;
  virtual Verdict<GidEntry> query_gid(unsigned port, unsigned index) = 0;

  // Protection domain, completion queue for everything outstanding, memory (local write only).
  virtual Verdict<void> set_up(const QueuePairOptions& options, void* memory, std::size_t size) = 0;
  virtual Verdict<std::uint32_t> create_queue_pair(const QueuePairOptions& options) = 0;  // → QPN
  virtual Verdict<void> to_init(unsigned port) = 0;
  virtual Verdict<void> to_ready_to_receive(const RemoteEnd& remote, unsigned port,
                                            unsigned gid_index) = 0;
  virtual Verdict<void> to_ready_to_send(std::uint32_t psn) = 0;

  // `address` lies in the registered memory. Every send gives a completion.
  virtual Verdict<void> post_receive(std::uint64_t id, void* address, std::uint32_t size) = 0;
  virtual Verdict<void> post_send(std::uint64_t id, const void* address, std::uint32_t size) = 0;
  // Appends what has completed to `completions`; never waits.
  virtual Verdict<void> poll(std::vector<Completion>& completions) = 0;

  virtual void close() = 0;
};

}  // namespace bringup::probe
