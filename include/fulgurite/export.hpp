#pragma once

/// Marks what the shared library exports; everything else is hidden.
#define FULGURITE_API __attribute__((visibility("default")))

/// Marks a class inside an exported one that the library keeps to itself: visibility is inherited.
#define FULGURITE_LOCAL __attribute__((visibility("hidden")))
