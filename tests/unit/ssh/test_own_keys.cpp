#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "bringup/ssh/own_keys.hpp"
#include "bringup/util/digest.hpp"

namespace bringup::ssh {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEd25519 =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Dzs0Rn3cyhZQ6Sx1AJHBrrNqhKSY1FlZcmsUB5LSN";

TEST(PublicKey, IsReadWithItsComment) {
  const auto key = parse_public_key(std::string(kEd25519) + "  ada lovelace\x1b[2J \r\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->type, "ssh-ed25519");
  EXPECT_EQ(key->type + " " + key->base64, kEd25519);
  EXPECT_EQ(key->comment.find('\x1b'), std::string::npos);
  EXPECT_EQ(key->comment.find('\n'), std::string::npos);
  EXPECT_TRUE(key->fingerprint.starts_with("SHA256:"));
}

TEST(PublicKey, WhatIsNoneIsRefused) {
  const std::string blob = std::string(kEd25519).substr(12);
  for (const std::string& line :
       {std::string(), std::string("ssh-ed25519"), "ssh-rsa " + blob, "ssh-ed25519 " + blob + "!",
        std::string("ssh-ed25519 AAAA"), "from=\"*\" " + std::string(kEd25519),
        "x " + base64_encode(std::string("\0\0\0\1x", 5)).substr(1)}) {
    EXPECT_FALSE(parse_public_key(line)) << line;
  }
  const std::string type = "ssh-ed25519-cert-v01@openssh.com";
  const std::string cert = std::string("\0\0\0\x20", 4) + type;
  EXPECT_FALSE(parse_public_key(type + " " + base64_encode(cert))) << "a certificate is no key";
}

class OwnKeys : public ::testing::Test {
 protected:
  OwnKeys() {
    std::string folder = (fs::temp_directory_path() / "bringup-keys.XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    options_.config_file = "none";
    options_.agent_socket = "none";
    endpoint_.name = "studio1";
    endpoint_.host = "127.0.0.1";
    endpoint_.identity_files = {folder_ + "/id"};
  }
  ~OwnKeys() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }

  std::string folder_;
  ClientOptions options_;
  Endpoint endpoint_;
};

TEST_F(OwnKeys, OfANamedFileIsThePublicHalfBesideIt) {
  put("id.pub", std::string(kEd25519) + " mine\n");
  const auto keys = own_keys(options_, endpoint_);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->front().comment, "mine");
  EXPECT_EQ(keys->front().from, folder_ + "/id");
}

TEST_F(OwnKeys, OfAFileThatIsThePublicHalfItself) {
  put("id", std::string(kEd25519) + " held by an agent\n");
  const auto keys = own_keys(options_, endpoint_);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 1U);
}

TEST_F(OwnKeys, NoneIsAnEmptyList) {
  const auto keys = own_keys(options_, endpoint_);
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->empty());
}

}  // namespace
}  // namespace bringup::ssh
