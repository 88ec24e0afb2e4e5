#pragma once
#include <string>
#include <string_view>

namespace bringup {

std::string sha256_hex(std::string_view data);
std::string hmac_sha1(std::string_view key, std::string_view data);  // 20 raw bytes
std::string base64_decode(std::string_view text);                    // empty when malformed
std::string base64_encode(std::string_view data);
std::string random_hex(std::size_t bytes);  // from the system's generator

}  // namespace bringup
