#pragma once
// Exit statuses of the script's file writer, told apart by the judge.

namespace bringup::plan::write_code {

inline constexpr int kDirectory = 41;  // the path is a directory
inline constexpr int kCreate = 42;     // no file could be made beside it
inline constexpr int kWrite = 43;      // writing failed: disk full
inline constexpr int kCompare = 44;    // what was written is not what was sent
inline constexpr int kRename = 45;     // it could not be put in place

}  // namespace bringup::plan::write_code
