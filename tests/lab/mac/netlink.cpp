// Addresses and routes of the kernel, through rtnetlink.
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "kernel.hpp"

namespace lab_mac {
namespace {

struct Request {
  nlmsghdr header{};
  std::array<char, 256> body{};
};

void* begin(Request& r, std::uint16_t type, int flags, std::size_t fixed) {
  r.header.nlmsg_type = type;
  r.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  r.header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(fixed));
  return r.body.data();
}

void attribute(Request& r, std::uint16_t type, const void* data, std::size_t size) {
  rtattr head{};
  head.rta_type = type;
  head.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
  char* at = reinterpret_cast<char*>(&r) + NLMSG_ALIGN(r.header.nlmsg_len);
  std::memcpy(at, &head, sizeof head);
  std::memcpy(at + RTA_LENGTH(0), data, size);
  r.header.nlmsg_len =
      static_cast<std::uint32_t>(NLMSG_ALIGN(r.header.nlmsg_len) + RTA_ALIGN(head.rta_len));
}

using OnMessage = std::function<void(const nlmsghdr&)>;

// Sends and reads until the answer ends. Returns 0 or the errno that the kernel gave.
int talk(const Request& r, const OnMessage& on_message) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  int result = 0;
  bool more = ::send(fd, &r, r.header.nlmsg_len, 0) >= 0;
  if (!more) result = errno;
  alignas(nlmsghdr) std::array<char, 65536> buffer;
  while (more) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      result = EIO;
      break;
    }
    auto left = static_cast<unsigned>(n);
    for (auto* h = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(h, left);
         h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_type == NLMSG_DONE) {
        more = false;
      } else if (h->nlmsg_type == NLMSG_ERROR) {
        result = -static_cast<const nlmsgerr*>(NLMSG_DATA(h))->error;
        more = false;
      } else {
        on_message(*h);
        if ((h->nlmsg_flags & NLM_F_MULTI) == 0 && (r.header.nlmsg_flags & NLM_F_ACK) == 0) {
          more = false;
        }
      }
    }
  }
  ::close(fd);
  return result;
}

int change_address(std::uint16_t type, int flags, const std::string& iface, const Inet& inet) {
  Request r;
  auto* body = static_cast<ifaddrmsg*>(begin(r, type, flags | NLM_F_ACK, sizeof(ifaddrmsg)));
  body->ifa_family = AF_INET;
  body->ifa_prefixlen = static_cast<unsigned char>(inet.prefix);
  body->ifa_index = ::if_nametoindex(iface.c_str());
  if (body->ifa_index == 0) return ENXIO;
  attribute(r, IFA_LOCAL, &inet.address, sizeof inet.address);
  attribute(r, IFA_ADDRESS, &inet.address, sizeof inet.address);
  if (type == RTM_NEWADDR) {
    const in_addr broadcast = broadcast_of(inet);
    attribute(r, IFA_BROADCAST, &broadcast, sizeof broadcast);
  }
  return talk(r, [](const nlmsghdr&) {});
}

Route read_route(const nlmsghdr& h, const rtmsg& body) {
  Route route;
  route.prefix = body.rtm_dst_len;
  route.to_self = body.rtm_type == RTN_LOCAL;
  auto left = static_cast<unsigned>(RTM_PAYLOAD(&h));
  for (const rtattr* a = RTM_RTA(&body); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == RTA_DST) std::memcpy(&route.destination, RTA_DATA(a), sizeof(in_addr));
    if (a->rta_type == RTA_GATEWAY) {
      in_addr gateway{};
      std::memcpy(&gateway, RTA_DATA(a), sizeof gateway);
      route.gateway = gateway;
    }
    if (a->rta_type == RTA_OIF) {
      unsigned index = 0;
      std::memcpy(&index, RTA_DATA(a), sizeof index);
      char name[IF_NAMESIZE] = "";
      if (::if_indextoname(index, name) != nullptr) route.iface = name;
    }
  }
  return route;
}

}  // namespace

int address_add(const std::string& iface, const Inet& inet) {
  return change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, iface, inet);
}

int address_remove(const std::string& iface, const Inet& inet) {
  return change_address(RTM_DELADDR, 0, iface, inet);
}

std::vector<Route> routes() {
  Request r;
  auto* body = static_cast<rtmsg*>(begin(r, RTM_GETROUTE, NLM_F_DUMP, sizeof(rtmsg)));
  body->rtm_family = AF_INET;
  std::vector<Route> out;
  talk(r, [&out](const nlmsghdr& h) {
    const auto* m = static_cast<const rtmsg*>(NLMSG_DATA(&h));
    if (h.nlmsg_type != RTM_NEWROUTE || m->rtm_table != RT_TABLE_MAIN) return;
    out.push_back(read_route(h, *m));
  });
  return out;
}

std::optional<Route> route_to(const in_addr& destination) {
  Request r;
  auto* body = static_cast<rtmsg*>(begin(r, RTM_GETROUTE, 0, sizeof(rtmsg)));
  body->rtm_family = AF_INET;
  body->rtm_dst_len = 32;
  attribute(r, RTA_DST, &destination, sizeof destination);
  std::optional<Route> out;
  const int error = talk(r, [&out](const nlmsghdr& h) {
    if (h.nlmsg_type != RTM_NEWROUTE) return;
    out = read_route(h, *static_cast<const rtmsg*>(NLMSG_DATA(&h)));
  });
  if (error != 0) return std::nullopt;
  return out;
}

}  // namespace lab_mac
