#include "wire.hpp"

#include <cstring>

namespace bringup::probe {
namespace {

constexpr char kMagic[4] = {'b', 'u', 'p', '1'};

template <class T>
void put(std::byte* at, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    at[i] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
}

template <class T>
T get(const std::byte* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<T>(value | static_cast<T>(at[i]) << (8 * i));
  return value;
}

}  // namespace

void write_head(const Message& message, std::byte* at) {
  std::memset(at, 0, kHeadBytes);
  std::memcpy(at, kMagic, sizeof kMagic);
  put(at + 4, message.run);
  put(at + 8, message.sequence);
  at[16] = static_cast<std::byte>(message.kind);
  at[17] = static_cast<std::byte>(message.answer ? 1 : 0);
}

std::optional<Message> read_head(const std::byte* at, std::uint32_t bytes) {
  if (bytes < kHeadBytes || std::memcmp(at, kMagic, sizeof kMagic) != 0) return std::nullopt;
  const auto kind = std::to_integer<std::uint8_t>(at[16]);
  if (kind < 1 || kind > 4) return std::nullopt;
  Message message;
  message.kind = static_cast<MessageKind>(kind);
  message.answer = at[17] != std::byte{0};
  message.run = get<std::uint32_t>(at + 4);
  message.sequence = get<std::uint64_t>(at + 8);
  message.bytes = bytes;
  return message;
}

}  // namespace bringup::probe
