#include "kernel.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_bridge.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>

namespace lab_mac {
namespace {

const std::string kClass = "/sys/class/net/";

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int control(unsigned long request, void* argument) const {
    return ::ioctl(fd_, request, argument) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

ifreq request_for(const std::string& iface) {
  ifreq request{};
  iface.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

int prefix_of(const sockaddr* mask) {
  if (mask == nullptr) return 0;
  if (mask->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, mask, sizeof in);
    return std::popcount(in.sin_addr.s_addr);
  }
  sockaddr_in6 in6{};
  std::memcpy(&in6, mask, sizeof in6);
  int bits = 0;
  for (const unsigned char byte : in6.sin6_addr.s6_addr) bits += std::popcount(byte);
  return bits;
}

std::string base_of_link(const std::string& path) {
  char target[512];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target - 1);
  if (n <= 0) return {};
  const std::string text(target, static_cast<std::size_t>(n));
  return text.substr(text.rfind('/') + 1);
}

Interface look_at(const std::string& name, unsigned flags) {
  Interface out;
  out.name = name;
  out.index = static_cast<int>(::if_nametoindex(name.c_str()));
  out.up = (flags & IFF_UP) != 0;
  out.loopback = (flags & IFF_LOOPBACK) != 0;
  const std::string dir = kClass + name;
  out.carrier = out.up && read_line(dir + "/carrier") == "1";
  out.mtu = std::atoi(read_line(dir + "/mtu").c_str());
  out.mac = read_line(dir + "/address");
  out.master = base_of_link(dir + "/master");
  struct stat st {};
  out.bridge = ::stat((dir + "/bridge").c_str(), &st) == 0;
  return out;
}

}  // namespace

std::string read_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::vector<Interface> interfaces() {
  std::map<std::string, Interface> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  for (const ifaddrs* a = list; a != nullptr; a = a->ifa_next) {
    auto it = found.find(a->ifa_name);
    if (it == found.end()) {
      it = found.emplace(a->ifa_name, look_at(a->ifa_name, a->ifa_flags)).first;
    }
    if (a->ifa_addr == nullptr) continue;
    if (a->ifa_addr->sa_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, a->ifa_addr, sizeof in);
      it->second.inet.push_back({in.sin_addr, prefix_of(a->ifa_netmask)});
    } else if (a->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 in6{};
      std::memcpy(&in6, a->ifa_addr, sizeof in6);
      it->second.inet6.push_back({in6.sin6_addr, prefix_of(a->ifa_netmask)});
    }
  }
  ::freeifaddrs(list);
  std::vector<Interface> out;
  for (auto& [name, entry] : found) out.push_back(std::move(entry));
  std::sort(out.begin(), out.end(),
            [](const Interface& a, const Interface& b) { return a.index < b.index; });
  return out;
}

std::optional<Interface> interface(const std::string& name) {
  for (Interface& i : interfaces()) {
    if (i.name == name) return std::move(i);
  }
  return std::nullopt;
}

std::string mac_name(const std::string& name) {
  return name == "lo" ? "lo0" : name;
}
std::string kernel_name(const std::string& name) {
  return name == "lo0" ? "lo" : name;
}

std::string to_text(const in_addr& address) {
  char text[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, text, sizeof text) != nullptr ? text : "";
}

in_addr mask_of(int prefix) {
  const std::uint32_t bits = prefix <= 0 ? 0U : ~std::uint32_t{0} << (32 - prefix);
  return in_addr{htonl(bits)};
}

in_addr broadcast_of(const Inet& inet) {
  return in_addr{inet.address.s_addr | ~mask_of(inet.prefix).s_addr};
}

int set_up(const std::string& iface, bool up) {
  const Socket s;
  ifreq request = request_for(iface);
  if (const int error = s.control(SIOCGIFFLAGS, &request); error != 0) return error;
  const int flags = request.ifr_flags;
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
  return s.control(SIOCSIFFLAGS, &request);
}

int set_mtu(const std::string& iface, int mtu) {
  ifreq request = request_for(iface);
  request.ifr_mtu = mtu;
  return Socket().control(SIOCSIFMTU, &request);
}

int bridge_create(const std::string& bridge) {
  std::string name = bridge;
  return Socket().control(SIOCBRADDBR, name.data());
}

int bridge_destroy(const std::string& bridge) {
  set_up(bridge, false);
  std::string name = bridge;
  return Socket().control(SIOCBRDELBR, name.data());
}

int bridge_add(const std::string& bridge, const std::string& member, Members members) {
  ifreq request = request_for(bridge);
  request.ifr_ifindex = static_cast<int>(::if_nametoindex(member.c_str()));
  if (request.ifr_ifindex == 0) return ENXIO;
  if (const int error = Socket().control(SIOCBRADDIF, &request); error != 0) return error;
  if (members == Members::isolated) {
    std::ofstream(kClass + member + "/brport/isolated") << "1\n";
  }
  return 0;
}

int bridge_remove(const std::string& bridge, const std::string& member) {
  ifreq request = request_for(bridge);
  request.ifr_ifindex = static_cast<int>(::if_nametoindex(member.c_str()));
  return Socket().control(SIOCBRDELIF, &request);
}

}  // namespace lab_mac
