// Verbs through libibverbs (Linux) or librdma (macOS 26.2 and later), which share their interface.
// Loaded with dlopen; the header's inline functions (post, poll) go through the context's own
// table.
#include "ibverbs.hpp"

#include <dlfcn.h>
#include <infiniband/verbs.h>

#include <cerrno>
#include <cstring>

// Macros of newer headers that would call what is not linked.
#undef ibv_get_device_list
#undef ibv_query_port
#undef ibv_reg_mr

namespace bringup::probe {
namespace {

// Set to what the calls give here. A Mac's own tools use 7.
constexpr std::uint8_t kMinRnrTimer = 12;
constexpr std::uint8_t kTimeout = 14;  // 4.096 µs × 2^14 = 67 ms
constexpr std::uint8_t kRetries = 6;

struct Library {
  ibv_device** (*get_device_list)(int*) = nullptr;
  void (*free_device_list)(ibv_device**) = nullptr;
  const char* (*get_device_name)(ibv_device*) = nullptr;
  ibv_context* (*open_device)(ibv_device*) = nullptr;
  int (*close_device)(ibv_context*) = nullptr;
  int (*query_device)(ibv_context*, ibv_device_attr*) = nullptr;
  // rdma-core declares its third argument with the fields that every version has, of which ours is
  // an extension.
  int (*query_port)(ibv_context*, std::uint8_t, void*) = nullptr;
  int (*query_gid)(ibv_context*, std::uint8_t, int, ibv_gid*) = nullptr;
  ibv_pd* (*alloc_pd)(ibv_context*) = nullptr;
  int (*dealloc_pd)(ibv_pd*) = nullptr;
  ibv_cq* (*create_cq)(ibv_context*, int, void*, ibv_comp_channel*, int) = nullptr;
  int (*destroy_cq)(ibv_cq*) = nullptr;
  ibv_mr* (*reg_mr)(ibv_pd*, void*, std::size_t, int) = nullptr;
  int (*dereg_mr)(ibv_mr*) = nullptr;
  ibv_qp* (*create_qp)(ibv_pd*, ibv_qp_init_attr*) = nullptr;
  int (*destroy_qp)(ibv_qp*) = nullptr;
  int (*modify_qp)(ibv_qp*, ibv_qp_attr*, int) = nullptr;
#ifndef __APPLE__
  int (*query_gid_ex)(ibv_context*, std::uint32_t, std::uint32_t, ibv_gid_entry*, std::uint32_t,
                      std::size_t) = nullptr;  // since rdma-core 32; may be absent
#endif
};

template <class Function>
bool look_up(void* handle, const char* name, Function& function) {
  void* symbol = ::dlsym(handle, name);
  std::memcpy(&function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

bool load(Library& library) {
#ifdef __APPLE__
  static constexpr const char* kNames[] = {"librdma.dylib", "/usr/lib/librdma.dylib"};
#else
  static constexpr const char* kNames[] = {"libibverbs.so.1"};
#endif
  void* handle = nullptr;
  for (const char* name : kNames)
    if (handle == nullptr) handle = ::dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) return false;
#ifndef __APPLE__
  look_up(handle, "_ibv_query_gid_ex", library.query_gid_ex);
#endif
  return look_up(handle, "ibv_get_device_list", library.get_device_list) &&
         look_up(handle, "ibv_free_device_list", library.free_device_list) &&
         look_up(handle, "ibv_get_device_name", library.get_device_name) &&
         look_up(handle, "ibv_open_device", library.open_device) &&
         look_up(handle, "ibv_close_device", library.close_device) &&
         look_up(handle, "ibv_query_device", library.query_device) &&
         look_up(handle, "ibv_query_port", library.query_port) &&
         look_up(handle, "ibv_query_gid", library.query_gid) &&
         look_up(handle, "ibv_alloc_pd", library.alloc_pd) &&
         look_up(handle, "ibv_dealloc_pd", library.dealloc_pd) &&
         look_up(handle, "ibv_create_cq", library.create_cq) &&
         look_up(handle, "ibv_destroy_cq", library.destroy_cq) &&
         look_up(handle, "ibv_reg_mr", library.reg_mr) &&
         look_up(handle, "ibv_dereg_mr", library.dereg_mr) &&
         look_up(handle, "ibv_create_qp", library.create_qp) &&
         look_up(handle, "ibv_destroy_qp", library.destroy_qp) &&
         look_up(handle, "ibv_modify_qp", library.modify_qp);
}

tl::unexpected<VerbsError> failed(const char* verb, int error_number) {
  return tl::unexpected(VerbsError{verb, error_number});
}

// Verbs give errno as their value or in errno; never a negative, whatever the header says.
int errno_of(int result) {
  if (result > 0) return result;
  return errno;
}

PortState state_of(ibv_port_state state) {
  switch (state) {
    case IBV_PORT_DOWN:
      return PortState::down;
    case IBV_PORT_INIT:
      return PortState::initialising;
    case IBV_PORT_ARMED:
      return PortState::armed;
    case IBV_PORT_ACTIVE:
      return PortState::active;
    default:
      return PortState::unknown;
  }
}

// enum ibv_mtu: 1 is 256 bytes, each further one the double.
std::uint32_t mtu_bytes(int mtu) {
  return mtu >= 1 && mtu <= 5 ? 128U << mtu : 0;
}

ibv_mtu mtu_of(std::uint32_t bytes) {
  int mtu = 1;
  while (mtu < 5 && mtu_bytes(mtu + 1) <= bytes) ++mtu;
  return static_cast<ibv_mtu>(mtu);
}

std::string link_layer_of(std::uint8_t layer) {
  if (layer == IBV_LINK_LAYER_ETHERNET) return "ethernet";
  return layer == IBV_LINK_LAYER_INFINIBAND ? "infiniband" : "other";
}

// A device list that is given back; the library crashes when a null one is.
class DeviceList {
 public:
  explicit DeviceList(const Library& library) : library_(library) {
    errno = 0;
    list_ = library.get_device_list(&count_);
    error_ = errno;
  }
  ~DeviceList() {
    if (list_ != nullptr) library_.free_device_list(list_);
  }
  DeviceList(const DeviceList&) = delete;
  DeviceList& operator=(const DeviceList&) = delete;

  [[nodiscard]] bool ok() const { return list_ != nullptr; }
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] ibv_device* at(int index) const { return list_[index]; }

 private:
  const Library& library_;
  ibv_device** list_ = nullptr;
  int count_ = 0;
  int error_ = 0;
};

class SystemVerbs final : public Verbs {
 public:
  SystemVerbs() = default;
  ~SystemVerbs() override { release(); }
  SystemVerbs(const SystemVerbs&) = delete;
  SystemVerbs& operator=(const SystemVerbs&) = delete;

  Verdict<std::vector<std::string>> list_devices() override {
    if (!ready()) return failed("dlopen", 0);
    const DeviceList list(library_);
    if (!list.ok()) return failed("ibv_get_device_list", list.error());
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(list.count()));
    for (int i = 0; i < list.count(); ++i) names.emplace_back(library_.get_device_name(list.at(i)));
    return names;
  }

  Verdict<DeviceInfo> open_device(const std::string& name) override {
    if (!ready()) return failed("dlopen", 0);
    release();
    const DeviceList list(library_);
    if (!list.ok()) return failed("ibv_get_device_list", list.error());
    for (int i = 0; i < list.count() && context_ == nullptr; ++i) {
      if (name != library_.get_device_name(list.at(i))) continue;
      errno = 0;
      context_ = library_.open_device(list.at(i));
      if (context_ == nullptr) return failed("ibv_open_device", errno);
    }
    if (context_ == nullptr) return failed("ibv_open_device", ENODEV);
    ibv_device_attr attributes{};
    if (const int result = library_.query_device(context_, &attributes); result != 0)
      return failed("ibv_query_device", errno_of(result));
    DeviceInfo info;
    info.ports = attributes.phys_port_cnt;
    info.max_region = attributes.max_mr_size;
    return info;
  }

  Verdict<PortInfo> query_port(unsigned port) override {
    ibv_port_attr attributes{};
    const int result = library_.query_port(context_, static_cast<std::uint8_t>(port), &attributes);
    if (result != 0) return failed("ibv_query_port", errno_of(result));
    PortInfo info;
    info.state = state_of(attributes.state);
    info.active_mtu = mtu_bytes(attributes.active_mtu);
    info.max_message = attributes.max_msg_sz;
    info.lid = attributes.lid;
    info.gid_entries =
        attributes.gid_tbl_len > 0 ? static_cast<unsigned>(attributes.gid_tbl_len) : 0;
    info.link_layer = link_layer_of(attributes.link_layer);
    return info;
  }

  Verdict<GidEntry> query_gid(unsigned port, unsigned index) override {
    ibv_gid gid{};
    const int result = library_.query_gid(context_, static_cast<std::uint8_t>(port),
                                          static_cast<int>(index), &gid);
    if (result != 0) return failed("ibv_query_gid", errno_of(result));
    GidEntry entry;
    std::memcpy(entry.gid.data(), gid.raw, sizeof gid.raw);
#ifndef __APPLE__
    ibv_gid_entry more{};
    if (library_.query_gid_ex != nullptr &&
        library_.query_gid_ex(context_, port, index, &more, 0, sizeof more) == 0) {
      if (more.gid_type == IBV_GID_TYPE_ROCE_V1) entry.type = GidType::roce_v1;
      if (more.gid_type == IBV_GID_TYPE_ROCE_V2) entry.type = GidType::roce_v2;
    }
#endif
    return entry;
  }

  Verdict<void> set_up(const QueuePairOptions& options, void* memory, std::size_t size) override {
    errno = 0;
    domain_ = library_.alloc_pd(context_);
    if (domain_ == nullptr) return failed("ibv_alloc_pd", errno);
    queue_ = library_.create_cq(context_, static_cast<int>(options.sends + options.receives),
                                nullptr, nullptr, 0);
    if (queue_ == nullptr) return failed("ibv_create_cq", errno);
    region_ = library_.reg_mr(domain_, memory, size, IBV_ACCESS_LOCAL_WRITE);
    if (region_ == nullptr) return failed("ibv_reg_mr", errno);
    return {};
  }

  Verdict<std::uint32_t> create_queue_pair(const QueuePairOptions& options) override {
    rc_ = options.type == QueuePairType::rc;
    ibv_qp_init_attr wanted{};
    wanted.send_cq = queue_;
    wanted.recv_cq = queue_;
    wanted.cap.max_send_wr = options.sends;
    wanted.cap.max_recv_wr = options.receives;
    wanted.cap.max_send_sge = 1;
    wanted.cap.max_recv_sge = 1;
    wanted.qp_type = rc_ ? IBV_QPT_RC : IBV_QPT_UC;
    wanted.sq_sig_all = 1;
    errno = 0;
    pair_ = library_.create_qp(domain_, &wanted);
    if (pair_ == nullptr) return failed("ibv_create_qp", errno);
    return pair_->qp_num;
  }

  Verdict<void> to_init(unsigned port) override {
    ibv_qp_attr attributes{};
    attributes.qp_state = IBV_QPS_INIT;
    attributes.port_num = static_cast<std::uint8_t>(port);
    return modify(attributes, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
                  "ibv_modify_qp(INIT)");
  }

  Verdict<void> to_ready_to_receive(const RemoteEnd& remote, unsigned port,
                                    unsigned gid_index) override {
    ibv_qp_attr attributes{};
    attributes.qp_state = IBV_QPS_RTR;
    attributes.path_mtu = mtu_of(remote.path_mtu);
    attributes.dest_qp_num = remote.qpn;
    attributes.rq_psn = remote.psn;
    attributes.ah_attr.dlid = remote.lid;
    attributes.ah_attr.port_num = static_cast<std::uint8_t>(port);
    attributes.ah_attr.is_global = 1;
    attributes.ah_attr.grh.hop_limit = 1;  // a cable: nothing routes
    attributes.ah_attr.grh.sgid_index = static_cast<std::uint8_t>(gid_index);
    std::memcpy(attributes.ah_attr.grh.dgid.raw, remote.gid.data(), remote.gid.size());
    int mask = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
    if (rc_) {
      attributes.max_dest_rd_atomic = 1;
      attributes.min_rnr_timer = kMinRnrTimer;
      mask |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
    }
    return modify(attributes, mask, "ibv_modify_qp(RTR)");
  }

  Verdict<void> to_ready_to_send(std::uint32_t psn) override {
    ibv_qp_attr attributes{};
    attributes.qp_state = IBV_QPS_RTS;
    attributes.sq_psn = psn;
    int mask = IBV_QP_STATE | IBV_QP_SQ_PSN;
    if (rc_) {
      attributes.timeout = kTimeout;
      attributes.retry_cnt = kRetries;
      attributes.rnr_retry = kRetries;
      attributes.max_rd_atomic = 1;
      mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
    }
    return modify(attributes, mask, "ibv_modify_qp(RTS)");
  }

  Verdict<void> post_receive(std::uint64_t id, void* address, std::uint32_t size) override {
    ibv_sge piece = piece_of(address, size);
    ibv_recv_wr request{};
    request.wr_id = id;
    request.sg_list = &piece;
    request.num_sge = 1;
    ibv_recv_wr* bad = nullptr;
    const int result = ibv_post_recv(pair_, &request, &bad);
    if (result != 0) return failed("ibv_post_recv", errno_of(result));
    return {};
  }

  Verdict<void> post_send(std::uint64_t id, const void* address, std::uint32_t size) override {
    ibv_sge piece = piece_of(address, size);
    ibv_send_wr request{};
    request.wr_id = id;
    request.sg_list = &piece;
    request.num_sge = 1;
    request.opcode = IBV_WR_SEND;
    request.send_flags = IBV_SEND_SIGNALED;
    ibv_send_wr* bad = nullptr;
    const int result = ibv_post_send(pair_, &request, &bad);
    if (result != 0) return failed("ibv_post_send", errno_of(result));
    return {};
  }

  Verdict<void> poll(std::vector<Completion>& completions) override {
    ibv_wc done[16];
    const int count = ibv_poll_cq(queue_, 16, done);
    if (count < 0) return failed("ibv_poll_cq", errno);
    for (int i = 0; i < count; ++i)
      completions.push_back({done[i].wr_id, static_cast<int>(done[i].status), done[i].byte_len});
    return {};
  }

  void close() override {
    release();
  }

 private:
  bool ready() {
    if (!tried_) usable_ = load(library_);
    tried_ = true;
    return usable_;
  }

  Verdict<void> modify(ibv_qp_attr& attributes, int mask, const char* verb) {
    errno = 0;
    const int result = library_.modify_qp(pair_, &attributes, mask);
    if (result != 0) return failed(verb, errno_of(result));
    return {};
  }

  ibv_sge piece_of(const void* address, std::uint32_t size) const {
    ibv_sge piece{};
    piece.addr = reinterpret_cast<std::uintptr_t>(address);
    piece.length = size;
    piece.lkey = region_->lkey;
    return piece;
  }

  void release() {
    if (pair_ != nullptr) library_.destroy_qp(pair_);
    if (region_ != nullptr) library_.dereg_mr(region_);
    if (queue_ != nullptr) library_.destroy_cq(queue_);
    if (domain_ != nullptr) library_.dealloc_pd(domain_);
    if (context_ != nullptr) library_.close_device(context_);
    pair_ = nullptr;
    region_ = nullptr;
    queue_ = nullptr;
    domain_ = nullptr;
    context_ = nullptr;
  }

  Library library_;
  bool tried_ = false;
  bool usable_ = false;
  bool rc_ = false;
  ibv_context* context_ = nullptr;
  ibv_pd* domain_ = nullptr;
  ibv_cq* queue_ = nullptr;
  ibv_mr* region_ = nullptr;
  ibv_qp* pair_ = nullptr;
};

}  // namespace

std::unique_ptr<Verbs> system_verbs() {
  return std::make_unique<SystemVerbs>();
}

}  // namespace bringup::probe
