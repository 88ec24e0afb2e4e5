#pragma once
// The parts of the table of diagnoses, each from the bottom layer up; diagnosis_rows() is all of
// them, in this order.
//
// Sources of what is not plain networking: Apple's TN3205, and the issues of mlx, exo and dnet in
// which users met it.
#include <span>

#include "bringup/verify/diagnoses.hpp"

namespace bringup::verify {

std::span<const DiagnosisRow> port_diagnoses();     // of an end: ssh to address
std::span<const DiagnosisRow> traffic_diagnoses();  // between two ends: route to baseline
std::span<const DiagnosisRow> node_diagnoses();     // beside the links: node, service, discovery

}  // namespace bringup::verify
