package io.github.p3o.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class RandomStreamsTest {

  @Test
  void forStep_sameSeedAndStep_drawsTheSame() {
    assertThat(RandomStreams.forStep(3, 5).nextLong())
        .isEqualTo(RandomStreams.forStep(3, 5).nextLong());
  }

  /** A run that is resumed by a later version shall draw what it would have drawn. */
  @Test
  void forStep_knownSeeds_drawWhatTheyEverDrew() {
    assertThat(RandomStreams.forStep(0, 0).nextLong()).isEqualTo(6764813009500542771L);
    assertThat(RandomStreams.forStep(7, 1).nextLong()).isEqualTo(4456076150420256573L);
    assertThat(RandomStreams.forStep(-1, Long.MAX_VALUE).nextLong())
        .isEqualTo(-2058039873628400081L);
    assertThat(RandomStreams.permutation(8, RandomStreams.forStep(7, 1)))
        .containsExactly(7, 3, 2, 0, 6, 4, 1, 5);
  }

  @Test
  void forStep_seedsAndStepsNearEachOther_allDrawDifferently() {
    Set<Long> first = new HashSet<>();
    for (long seed = -20; seed < 20; seed++) {
      for (long step = 0; step < 40; step++) {
        first.add(RandomStreams.forStep(seed, step).nextLong());
      }
    }
    assertThat(first).hasSize(1600);
  }

  @Property
  void permutation_anyLength_holdsEachNumberOnce(
      @ForAll @IntRange(max = 200) int n, @ForAll long seed) {
    int[] order = RandomStreams.permutation(n, new SplittableRandom(seed));
    assertThat(Arrays.stream(order).sorted().toArray())
        .containsExactly(IntStream.range(0, n).toArray());
  }

  @Test
  void permutation_manyTimes_isUniform() {
    int[] count = new int[6];
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 60_000; i++) {
      int[] order = RandomStreams.permutation(3, random);
      count[2 * order[0] + (order[1] > order[2] ? 1 : 0)]++;
    }
    // 10,000 of each expected, standard deviation 91: six of them to each side
    for (int c : count) {
      assertThat(c).isBetween(9_450, 10_550);
    }
  }
}
