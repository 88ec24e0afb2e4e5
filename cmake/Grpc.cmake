# Health checks of gRPC services need libgrpc++; all else does without. Instrumented builds go without it: the
# library is not instrumented, so that what it does between its own threads would look like races.
set(BRINGUP_GRPC AUTO CACHE STRING "Check gRPC services: AUTO (where libgrpc++ is found), ON or OFF")
set_property(CACHE BRINGUP_GRPC PROPERTY STRINGS AUTO ON OFF)
set(BRINGUP_HAS_GRPC OFF)
if(NOT BRINGUP_GRPC STREQUAL "OFF")
  pkg_check_modules(grpcpp IMPORTED_TARGET grpc++>=1.30)
  if(grpcpp_FOUND)
    set(BRINGUP_HAS_GRPC ON)
    # It names every library below it, used by us or not.
    if(NOT APPLE)
      set_property(TARGET PkgConfig::grpcpp APPEND PROPERTY INTERFACE_LINK_OPTIONS "LINKER:--as-needed")
    endif()
    # Its headers are not written for our warnings.
    get_target_property(grpcpp_includes PkgConfig::grpcpp INTERFACE_INCLUDE_DIRECTORIES)
    if(grpcpp_includes)
      set_target_properties(PkgConfig::grpcpp PROPERTIES
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${grpcpp_includes}")
    endif()
  elseif(BRINGUP_GRPC STREQUAL "ON")
    message(FATAL_ERROR "BRINGUP_GRPC=ON, and libgrpc++ is not found")
  endif()
endif()
message(STATUS "checks of gRPC services: ${BRINGUP_HAS_GRPC}")
