#include "bringup/probe/discover.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

namespace bringup::probe {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kLastLook{200};
constexpr std::array<std::string_view, 3> kCasts = {"broadcast", "limited", "multicast"};

std::string address_text(std::uint32_t address) {
  in_addr raw{};
  raw.s_addr = htonl(address);
  char text[INET_ADDRSTRLEN] = {};
  return ::inet_ntop(AF_INET, &raw, text, sizeof text) != nullptr ? text : "";
}

// A word of an announcement: something, without blanks or control characters.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::optional<std::string> word(const Json& request, const char* name) {
  const auto at = request.find(name);
  if (at == request.end() || !at->is_string()) return std::nullopt;
  auto value = at->get<std::string>();
  return is_word(value) ? std::optional(std::move(value)) : std::nullopt;
}

std::optional<unsigned> number(const Json& request, const char* name, unsigned least,
                               unsigned most) {
  const auto at = request.find(name);
  if (at == request.end() || !at->is_number_unsigned()) return std::nullopt;
  const auto value = at->get<std::uint64_t>();
  if (value < least || value > most) return std::nullopt;
  return static_cast<unsigned>(value);
}

class Discovery {
 public:
  Discovery(Net& net, Host& host) : net_(net), host_(host) {}

  void run() {
    host_.send(Json{{"re", "hello"}, {"ok", true}, {"protocol", kProtocol}}.dump());
    while (const auto line = host_.next_line()) {
      const Json request = Json::parse(*line, nullptr, false);
      const std::string op = request.is_object() ? word(request, "op").value_or("") : "";
      if (op == "quit") break;
      if (op == "listen") {
        listen(request);
      } else if (op == "send") {
        send(request);
      } else if (op == "heard") {
        heard();
      } else {
        refuse(op, 0, "unknown request");
      }
    }
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::uint32_t, std::string>;

  void reply(const std::string& op, Json fields) {
    fields["re"] = op;
    fields["ok"] = true;
    host_.send(fields.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  void refuse(const std::string& op, int error_number, const std::string& text) {
    const Json fields = {{"re", op},
                         {"ok", false},
                         {"problem", problem_of(error_number)},
                         {"errno", error_number},
                         {"text", text}};
    host_.send(fields.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  void listen(const Json& request) {
    const auto nonce = word(request, "nonce");
    const auto node = word(request, "node");
    const auto port = number(request, "port", 1024, 65535);
    const auto group = word(request, "group");
    in_addr raw{};
    const bool multicast =
        group && ::inet_pton(AF_INET, group->c_str(), &raw) == 1 && ntohl(raw.s_addr) >> 28U == 0xe;
    if (!nonce || !node || !port || !multicast) {
      refuse("listen", 0, "listen needs nonce, node, port and group");
      return;
    }
    nonce_ = *nonce;
    node_ = *node;
    port_ = static_cast<std::uint16_t>(*port);
    group_ = ntohl(raw.s_addr);
    heard_.clear();
    interfaces_ = net_.interfaces();
    if (interfaces_.size() > kMaxInterfaces) interfaces_.resize(kMaxInterfaces);
    if (const int error = net_.listen(port_, group_, interfaces_); error != 0) {
      refuse("listen", error, "cannot listen on the port");
      return;
    }
    Json list = Json::array();
    for (const NetInterface& one : interfaces_) {
      const auto known = [](std::uint32_t address) {
        return address == 0 ? std::string() : address_text(address);
      };
      list.push_back({{"name", one.name},
                      {"address", address_text(one.address)},
                      {"prefix", one.prefix},
                      {"broadcast", known(one.broadcast())},
                      {"configured", known(one.configured)}});
    }
    reply("listen", {{"interfaces", std::move(list)}});
  }

  void send(const Json& request) {
    const auto times = number(request, "times", 1, 20);
    const auto gap = number(request, "gap_ms", 0, 2000);
    if (!times || !gap || port_ == 0) {
      refuse("send", 0, "send needs listen before it, times and gap_ms");
      return;
    }
    struct Sent {
      unsigned count = 0;
      int error = 0;  // the last
    };
    std::vector<std::array<Sent, kCasts.size()>> sent(interfaces_.size());
    for (unsigned round = 0; round < *times && !host_.input_waiting(); ++round) {
      for (std::size_t i = 0; i < interfaces_.size(); ++i) {
        const NetInterface& by = interfaces_[i];
        const std::array<std::uint32_t, kCasts.size()> to = {by.broadcast(), 0xffffffff, group_};
        for (std::size_t cast = 0; cast < kCasts.size(); ++cast) {
          if (to[cast] == 0) continue;
          const Announcement one{nonce_, node_, by.name, std::string(kCasts[cast])};
          const int error = net_.send(by, to[cast], port_, announcement_text(one));
          if (error == 0) {
            ++sent[i][cast].count;
          } else {
            sent[i][cast].error = error;
          }
        }
      }
      listen_for(milliseconds(*gap));
    }
    Json list = Json::array();
    for (std::size_t i = 0; i < interfaces_.size(); ++i) {
      for (std::size_t cast = 0; cast < kCasts.size(); ++cast) {
        if (cast == 0 && interfaces_[i].broadcast() == 0) continue;
        list.push_back({{"interface", interfaces_[i].name},
                        {"cast", kCasts[cast]},
                        {"count", sent[i][cast].count},
                        {"problem", problem_of(sent[i][cast].error)},
                        {"errno", sent[i][cast].error}});
      }
    }
    reply("send", {{"sent", std::move(list)}});
  }

  void heard() {
    listen_for(kLastLook);
    Json list = Json::array();
    for (const auto& [key, count] : heard_) {
      const auto& [node, sender, cast, source, interface] = key;
      list.push_back({{"node", node},
                      {"sender", sender},
                      {"cast", cast},
                      {"source", address_text(source)},
                      {"interface", interface},
                      {"count", count}});
    }
    reply("heard", {{"heard", std::move(list)}});
  }

  // Takes what comes for that long.
  void listen_for(milliseconds span) {
    const auto end = host_.now() + span;
    for (auto now = host_.now(); now < end; now = host_.now()) {
      const auto left = std::chrono::ceil<milliseconds>(end - now);
      if (const auto one = net_.receive(left)) take(*one);
    }
  }

  void take(const Datagram& one) {
    const auto said = parse_announcement(one.text);
    if (!said || said->nonce != nonce_ || said->node == node_) return;
    const auto at = std::find_if(interfaces_.begin(), interfaces_.end(),
                                 [&](const auto& i) { return i.index == one.interface; });
    const Key key{said->node, said->interface, said->cast, one.source,
                  at == interfaces_.end() ? "?" : at->name};
    const auto known = heard_.find(key);
    if (known != heard_.end()) {
      ++known->second;
    } else if (heard_.size() < kMaxHeard) {
      heard_.emplace(key, 1U);
    }
  }

  Net& net_;
  Host& host_;
  std::string nonce_, node_;
  std::uint16_t port_ = 0;
  std::uint32_t group_ = 0;
  std::vector<NetInterface> interfaces_;
  std::map<Key, std::uint32_t> heard_;
};

}  // namespace

std::uint32_t NetInterface::broadcast() const {
  if (prefix == 0 || prefix > 30) return 0;
  return address | (0xffffffffU >> prefix);
}

std::string announcement_text(const Announcement& one) {
  return "bringup-discovery/1 " + one.nonce + " " + one.node + " " + one.interface + " " + one.cast;
}

std::optional<Announcement> parse_announcement(std::string_view text) {
  if (text.size() > kMaxDatagram) return std::nullopt;
  std::array<std::string_view, 5> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto end = i + 1 < words.size() ? text.find(' ') : text.size();
    if (end == std::string_view::npos) return std::nullopt;
    words[i] = text.substr(0, end);
    if (!is_word(words[i])) return std::nullopt;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  if (words[0] != "bringup-discovery/1" ||
      std::find(kCasts.begin(), kCasts.end(), words[4]) == kCasts.end())
    return std::nullopt;
  return Announcement{std::string(words[1]), std::string(words[2]), std::string(words[3]),
                      std::string(words[4])};
}

std::string_view problem_of(int error_number) {
  switch (error_number) {
    case 0:
      return "";
    case EHOSTUNREACH:
      return "no-route";
    case EPERM:
    case EACCES:
      return "denied";
    case ENETUNREACH:
      return "unreachable";
    case ENETDOWN:
    case ENXIO:
    case ENODEV:
      return "down";
    case EADDRINUSE:
      return "in-use";
    default:
      return "other";
  }
}

void discover(Net& net, Host& host) {
  Discovery(net, host).run();
}

}  // namespace bringup::probe
