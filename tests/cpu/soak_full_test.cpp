#include "soak.hpp"

TEST(SoakFull, ALongLifeEqualsTheDefinitionAndItsMemoryDoesNotGrow) {
  fulgurite::testing::soak(20, 200);
}
