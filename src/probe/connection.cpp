#include "connection.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "gid.hpp"

namespace bringup::probe {
namespace {

constexpr std::size_t kMaxArena = std::size_t{64} << 20;

std::size_t page_bytes() {
  const long size = ::sysconf(_SC_PAGESIZE);
  return size > 0 ? static_cast<std::size_t>(size) : 4096;
}

std::size_t whole_pages(std::size_t bytes) {
  const std::size_t page = page_bytes();
  return (bytes + page - 1) / page * page;
}

tl::unexpected<Failure> failed(std::string layer, std::string verb, std::string text,
                               int error_number = 0) {
  return tl::unexpected(Failure{std::move(layer), std::move(verb), error_number, std::move(text)});
}

}  // namespace

std::string to_string(PortState state) {
  switch (state) {
    case PortState::down:
      return "down";
    case PortState::initialising:
      return "initialising";
    case PortState::armed:
      return "armed";
    case PortState::active:
      return "active";
    case PortState::unknown:
      break;
  }
  return "unknown";
}

void Connection::Free::operator()(std::byte* memory) const {
  std::free(memory);
}

void Connection::close() {
  verbs_.close();
  traffic_.reset();
  memory_.reset();
  opened_ = tried_ = connected_ = false;
}

// Looks through every port of the devices asked for. An address that stands at several indices (one
// for each version of RoCE) is taken where it is version 2, as both ends then do.
Outcome<Place> Connection::find(const OpenRequest& request) {
  const auto wanted = mapped_gid(request.address);
  if (!wanted) return failed("probe", "", "no IPv4 address");
  const auto names = verbs_.list_devices();
  if (!names) return tl::unexpected(failure_of(names.error()));
  if (names->empty()) return failed("rdma", "ibv_get_device_list", "no RDMA devices");
  std::string listed;
  std::optional<Failure> trouble;
  bool looked = false;
  for (const std::string& name : *names) {
    if (listed.size() < 200) listed += (listed.empty() ? "" : " ") + name;
    if (!request.device.empty() && name != request.device) continue;
    looked = true;
    const auto info = verbs_.open_device(name);
    if (!info) {
      trouble = failure_of(info.error());
      trouble->text = name;
      continue;
    }
    for (unsigned port = 1; port <= std::min(info->ports, 8U); ++port) {
      const auto state = verbs_.query_port(port);
      if (!state) {
        trouble = failure_of(state.error());
        trouble->text = name;
        continue;
      }
      std::optional<Place> found;
      for (unsigned i = 0; i < std::min(state->gid_entries, kMaxGidEntries); ++i) {
        const auto entry = verbs_.query_gid(port, i);
        if (!entry || entry->gid != *wanted) continue;  // an empty entry may be an error, ENODATA
        if (!found || entry->type == GidType::roce_v2)
          found = Place{name, *info, port, i, *state, entry->gid};
        if (entry->type != GidType::roce_v1) break;
      }
      if (found) return *found;
    }
    verbs_.close();
  }
  verbs_.close();
  if (!looked) return failed("rdma", "ibv_get_device_list", "no such device; there are: " + listed);
  if (trouble) return tl::unexpected(*trouble);
  return failed("gid", "ibv_query_gid",
                "no GID is ::ffff:" + request.address + " on " +
                    (request.device.empty() ? listed : request.device));
}

Outcome<OpenReply> Connection::build(const OpenRequest& request, const Place& place) {
  if (place.state.state != PortState::active)
    return failed("port", "ibv_query_port",
                  place.device + " port " + std::to_string(place.port) + " is " +
                      to_string(place.state.state));
  const std::size_t slot = whole_pages(request.bytes);
  const std::size_t total = slot * (request.depth + 2);
  if (place.state.max_message != 0 && request.bytes > place.state.max_message)
    return failed("probe", "",
                  "the device takes messages of " + std::to_string(place.state.max_message) +
                      " bytes at most");
  if (total > kMaxArena || (place.info.max_region != 0 && total > place.info.max_region))
    return failed("probe", "", "buffers of " + std::to_string(total) + " bytes are too large");
  void* memory = nullptr;
  if (::posix_memalign(&memory, page_bytes(), total) != 0) return failed("probe", "", "no memory");
  std::memset(memory, 0, total);
  memory_.reset(static_cast<std::byte*>(memory));
  const QueuePairOptions options{request.type, kMaxDepth, request.depth};
  if (const auto made = verbs_.set_up(options, memory, total); !made)
    return tl::unexpected(failure_of(made.error()));
  const auto qpn = verbs_.create_queue_pair(options);
  if (!qpn) return tl::unexpected(failure_of(qpn.error()));
  traffic_ = std::make_unique<Traffic>(
      verbs_, host_,
      Arena{memory_.get(), static_cast<std::uint32_t>(slot), request.depth, slot * 2});
  OpenReply reply;
  reply.device = place.device;
  reply.port = place.port;
  reply.gid_index = place.gid_index;
  reply.qpn = *qpn;
  reply.psn = host_.random_bits() & 0xffffff;
  reply.mtu = place.state.active_mtu;
  reply.max_message = place.state.max_message;
  reply.lid = place.state.lid;
  reply.gid = place.gid;
  return reply;
}

Outcome<OpenReply> Connection::open(const OpenRequest& request) {
  if (opened_) return failed("probe", "", "a device is open already");
  const auto place = find(request);
  if (!place) {
    close();
    return tl::unexpected(place.error());
  }
  auto reply = build(request, *place);
  if (!reply) {
    close();
    return reply;
  }
  opened_ = true;
  request_ = request;
  reply_ = *reply;
  return reply;
}

// Verbs do not check the path's MTU against the port's: what the smaller end takes is settled here.
Outcome<void> Connection::connect(RemoteEnd remote) {
  if (!opened_) return failed("probe", "", "no device is open");
  if (tried_) return failed("probe", "", "this queue pair was connected before");
  tried_ = true;
  if (reply_.mtu != 0) remote.path_mtu = std::min(remote.path_mtu, reply_.mtu);
  if (const auto done = verbs_.to_init(reply_.port); !done)
    return tl::unexpected(failure_of(done.error()));
  if (auto done = traffic_->post_receives(); !done) return done;
  const auto ready = verbs_.to_ready_to_receive(remote, reply_.port, reply_.gid_index);
  if (!ready) return tl::unexpected(failure_of(ready.error()));
  if (const auto done = verbs_.to_ready_to_send(reply_.psn); !done)
    return tl::unexpected(failure_of(done.error()));
  connected_ = true;
  return {};
}

}  // namespace bringup::probe
