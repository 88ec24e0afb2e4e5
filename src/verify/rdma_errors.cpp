#include "bringup/verify/rdma_errors.hpp"

namespace bringup::verify {
namespace {

struct LayerRow {
  std::string_view layer;
  RdmaMeaning meaning;
};

constexpr LayerRow kLayers[] = {
    {"gid",
     {"no RDMA port carries the link's address as a GID",
      "the GID follows the interface's IPv4 address: take the interface out of its bridge, give it "
      "its address (bringup apply) and wait a few seconds; if it stays away, reboot the node"}},
    {"port",
     {"the RDMA port is not active",
      "both ends must be cabled, up and have RDMA enabled (on a Mac: rdma_ctl status at both ends; "
      "enable it in Recovery)"}},
    {"probe",
     {"the probe could not do its work",
      "run again with -v; if it stays, try ibv_uc_pingpong by hand"}},
};

}  // namespace

const std::vector<RdmaErrorRow>& rdma_error_rows() {
  static const std::vector<RdmaErrorRow> rows = {
      {"EINVAL", 22, 22, "ibv_modify_qp(RTR)",
       "the address that the queue pair was given is not one this port knows: no IPv4 GID at the "
       "index used, or an IPv4 address at one end and a link-local one at the other",
       "put the link's IPv4 address on the interface itself, outside of any bridge, as its only "
       "one; then look for ::ffff:ADDRESS in ibv_devinfo -v at both ends"},
      {"EINVAL", 22, 22, "", "the device does not take what was asked of it",
       "see what ibv_devinfo -v says of the device; try the other queue pair type"},
      {"EBUSY", 16, 16, "",
       "the device's queue pairs or protection domains are used up (a Mac has ten queue pairs)",
       "a stale process holds them: find it (lsof -n | grep -e librdma -e uverbs; ps -A | grep -i "
       "mlx) and end it; if there is none, reboot the node"},
      {"ENODATA", 96, 61, "", "the GID table is empty at the index used",
       "give the interface its IPv4 address outside of any bridge and wait for the GID to appear "
       "in ibv_devinfo -v"},
      {"ETIMEDOUT", 60, 110, "", "the peer's address was not answered for on the link",
       "see that the other end is up and has its address, and that the route to it leaves through "
       "this interface; then look for a firewall"},
      {"ENOMEM", 12, 12, "ibv_reg_mr", "memory could not be locked: the limit is too low",
       "raise it for this user (ulimit -l; memlock in /etc/security/limits.conf or LimitMEMLOCK of "
       "sshd's unit) or check as root; on a Mac end whatever holds many memory regions"},
      {"ENOMEM", 12, 12, "", "the device is out of resources, or the memory lock limit is too low",
       "end other users of the device; raise ulimit -l"},
      {"EHOSTUNREACH", 65, 113, "", "there is no way to the peer's address",
       "take the interface out of its bridge, see that its address and the route to the peer "
       "stand on it"},
      {"ENETUNREACH", 51, 101, "", "the interface under the RDMA device is down or has no route",
       "bring the interface up and see that the cable is in at both ends"},
      {"ENOSYS", 78, 38, "", "the system has no RDMA",
       "on a Mac: macOS 26.2 on Apple silicon with Thunderbolt 5; on Linux: load the device's "
       "driver and ib_uverbs"},
      {"ENOENT", 2, 2, "ibv_open_device",
       "the device's file is missing or not readable for this user",
       "load ib_uverbs; give the user access to /dev/infiniband/uverbs* or check as root"},
      {"EACCES", 13, 13, "", "this user may not use the device",
       "give the user access to /dev/infiniband/uverbs* or check as root"},
      {"EPERM", 1, 1, "", "this user may not use the device", "check as root"},
      {"ENODEV", 19, 19, "", "the device has gone",
       "see that the cable is in and the driver loaded; ibv_devices lists what there is"},
      {"EOPNOTSUPP", 102, 95, "ibv_create_qp", "the device has no queue pairs of this type",
       "a Mac has UC only; use the other type"},
      {"ENOTSUP", 45, 95, "ibv_create_qp", "the device has no queue pairs of this type",
       "a Mac has UC only; use the other type"},
  };
  return rows;
}

RdmaMeaning explain_rdma(std::string_view layer, std::string_view verb, int error_number,
                         facts::Os os) {
  for (const RdmaErrorRow& row : rdma_error_rows()) {
    const int number = os == facts::Os::darwin ? row.darwin : row.linux_kernel;
    if (error_number == number && verb.substr(0, row.verb.size()) == row.verb)
      return {row.meaning, row.cure};
  }
  if (verb == "dlopen")
    return {"the node has no RDMA library",
            "on Linux: install libibverbs1 and ibverbs-providers; a Mac needs macOS 26.2"};
  if (verb == "ibv_get_device_list")
    return {"the node has no such RDMA device",
            "on a Mac: RDMA is disabled, or the hardware has none (rdma_ctl status); on Linux: "
            "load the driver; name the link end's device if it is another"};
  if (verb == "ibv_poll_cq")
    return {"messages fail on the way",
            "see that the MTU is the same at both ends and that the link stays up"};
  for (const LayerRow& row : kLayers)
    if (row.layer == layer) return row.meaning;
  return {"RDMA messages do not come through",
          "see that a ping with large packets passes without loss, the MTU is equal at both ends "
          "and both ports stay active"};
}

bool is_timed_out(int error_number, facts::Os os) {
  return error_number == (os == facts::Os::darwin ? 60 : 110);
}

}  // namespace bringup::verify
