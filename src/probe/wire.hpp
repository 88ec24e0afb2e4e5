#pragma once
// The head of every RDMA message: 24 bytes, little endian whatever the processor.
//   0 magic "bup1" · 4 run (u32) · 8 sequence (u64) · 16 kind (u8) · 17 wants an answer (u8) · 18
//   zero
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bringup::probe {

enum class MessageKind : std::uint8_t { ping = 1, pong = 2, data = 3, credit = 4 };

struct Message {
  MessageKind kind = MessageKind::data;
  bool answer = false;    // data: the receiver is to send a credit
  std::uint32_t run = 0;  // one test's number: leftovers of an earlier one are told apart
  std::uint64_t sequence = 0;
  std::uint32_t bytes = 0;  // of the whole message; not in the head
};

inline constexpr std::uint32_t kHeadBytes = 24;

void write_head(const Message& message, std::byte* at);
// Unset when it is none of ours.
std::optional<Message> read_head(const std::byte* at, std::uint32_t bytes);

}  // namespace bringup::probe
