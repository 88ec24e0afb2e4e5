#include <gtest/gtest.h>

#include "bringup/util/digest.hpp"

namespace bringup {
namespace {

TEST(Digest, Sha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, HmacSha1OfRfc2202) {
  EXPECT_EQ(hmac_sha1("Jefe", "what do ya want for nothing?"),
            "\xef\xfc\xdf\x6a\xe5\xeb\x2f\xa2\xd2\x74\x16\xd5\xf1\x84\xdf\x9c\x25\x9a\x7c\x79");
}

TEST(Digest, Base64) {
  EXPECT_EQ(base64_decode("Zm9vYmFy"), "foobar");
  EXPECT_EQ(base64_decode("Zm9vYg=="), "foob");
  EXPECT_EQ(base64_decode("Zm9vYmE="), "fooba");
  for (const char* bad : {"", "Zm9", "Zm9v!mFy", "Z===", "=m9v", "Zm=v", "Zm9vYg==Zm9v"}) {
    EXPECT_EQ(base64_decode(bad), "") << bad;
  }
}

TEST(Digest, RandomHexDiffers) {
  EXPECT_EQ(random_hex(16).size(), 32U);
  EXPECT_NE(random_hex(16), random_hex(16));
  EXPECT_EQ(random_hex(0), "");
}

TEST(Base64, EncodesWhatDecodes) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");  // RFC 4648, 10
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  const std::string odd("\0\xff\n", 3);
  EXPECT_EQ(base64_decode(base64_encode(odd)), odd);
}

}  // namespace
}  // namespace bringup
