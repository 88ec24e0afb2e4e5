// Addresses and routes of the kernel, through rtnetlink.
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
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

std::string mac_text(const rtattr* a) {
  const auto* bytes = static_cast<const unsigned char*>(RTA_DATA(a));
  std::string out;
  char pair[4];
  for (std::size_t k = 0; k < RTA_PAYLOAD(a); ++k) {
    std::snprintf(pair, sizeof pair, "%s%02x", k == 0 ? "" : ":", bytes[k]);
    out += pair;
  }
  return out;
}

int change_neighbour(std::uint16_t type, int flags, const Neighbour& neighbour) {
  Request r;
  auto* body = static_cast<ndmsg*>(begin(r, type, flags | NLM_F_ACK, sizeof(ndmsg)));
  body->ndm_family = AF_INET;
  body->ndm_ifindex = static_cast<int>(::if_nametoindex(neighbour.iface.c_str()));
  body->ndm_state = NUD_PERMANENT;
  attribute(r, NDA_DST, &neighbour.address, sizeof neighbour.address);
  if (const ether_addr* mac = ::ether_aton(neighbour.mac.c_str())) {
    attribute(r, NDA_LLADDR, mac, sizeof *mac);
  }
  return talk(r, [](const nlmsghdr&) {});
}

Route read_route(const nlmsghdr& h, const rtmsg& body) {
  Route route;
  route.prefix = body.rtm_dst_len;
  route.to_self = body.rtm_type == RTN_LOCAL;
  route.by_kernel = body.rtm_protocol == RTPROT_KERNEL;
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

int change_route(RouteChange change, const Route& route) {
  const bool remove = change == RouteChange::remove;
  const int flags = change == RouteChange::add      ? NLM_F_CREATE | NLM_F_EXCL
                    : change == RouteChange::change ? NLM_F_REPLACE
                                                    : 0;
  Request r;
  auto* body = static_cast<rtmsg*>(
      begin(r, remove ? RTM_DELROUTE : RTM_NEWROUTE, flags | NLM_F_ACK, sizeof(rtmsg)));
  body->rtm_family = AF_INET;
  body->rtm_dst_len = static_cast<unsigned char>(route.prefix);
  body->rtm_table = RT_TABLE_MAIN;
  body->rtm_protocol = remove ? RTPROT_UNSPEC : RTPROT_STATIC;
  body->rtm_scope = remove ? RT_SCOPE_NOWHERE : route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  body->rtm_type = remove ? RTN_UNSPEC : RTN_UNICAST;
  attribute(r, RTA_DST, &route.destination, sizeof route.destination);
  if (route.gateway) attribute(r, RTA_GATEWAY, &*route.gateway, sizeof *route.gateway);
  if (!route.iface.empty()) {
    const int index = static_cast<int>(::if_nametoindex(route.iface.c_str()));
    if (index == 0) return ENXIO;
    attribute(r, RTA_OIF, &index, sizeof index);
  }
  return talk(r, [](const nlmsghdr&) {});
}

std::vector<Neighbour> neighbours() {
  Request r;
  auto* body = static_cast<ndmsg*>(begin(r, RTM_GETNEIGH, NLM_F_DUMP, sizeof(ndmsg)));
  body->ndm_family = AF_INET;
  std::vector<Neighbour> out;
  talk(r, [&out](const nlmsghdr& h) {
    const auto* m = static_cast<const ndmsg*>(NLMSG_DATA(&h));
    if (h.nlmsg_type != RTM_NEWNEIGH || (m->ndm_state & NUD_NOARP) != 0) return;
    Neighbour n;
    n.permanent = (m->ndm_state & NUD_PERMANENT) != 0;
    char name[IF_NAMESIZE] = "";
    if (::if_indextoname(static_cast<unsigned>(m->ndm_ifindex), name) != nullptr) n.iface = name;
    auto left = static_cast<unsigned>(h.nlmsg_len - NLMSG_LENGTH(sizeof(ndmsg)));
    const auto* first = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(m) +
                                                        NLMSG_ALIGN(sizeof(ndmsg)));
    for (const rtattr* a = first; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
      if (a->rta_type == NDA_DST) std::memcpy(&n.address, RTA_DATA(a), sizeof n.address);
      if (a->rta_type == NDA_LLADDR) n.mac = mac_text(a);
    }
    if ((m->ndm_state & (NUD_INCOMPLETE | NUD_FAILED)) != 0) n.mac.clear();
    out.push_back(n);
  });
  return out;
}

int set_neighbour(const Neighbour& neighbour) {
  return change_neighbour(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, neighbour);
}

int remove_neighbour(const Neighbour& neighbour) {
  return change_neighbour(RTM_DELNEIGH, 0, neighbour);
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
