#pragma once
// Exit statuses of the parts of the bootstrap script, told apart by the judge.

namespace bringup::plan::bootstrap_code {

inline constexpr int kPlace = 51;   // where it belongs stands something that is not touched
inline constexpr int kCreate = 52;  // no file could be made there
inline constexpr int kWrite = 53;   // writing failed: disk full
inline constexpr int kCheck = 54;   // visudo refused the file, or is not there
inline constexpr int kRename = 55;  // it could not be put in place

}  // namespace bringup::plan::bootstrap_code
