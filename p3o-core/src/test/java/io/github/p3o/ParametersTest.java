package io.github.p3o;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class ParametersTest {

  private static Parameters threeParameters() {
    return Parameters.copyOf(
        ImmutableMap.of(
            "matrix", Nd4j.createFromArray(new double[][] {{1, 2, 3}, {4, 5, 6}}),
            "scalar", Nd4j.scalar(7.0),
            "vector", Nd4j.createFromArray(8.0, 9)));
  }

  private static Parameters single(double value) {
    return Parameters.copyOf(ImmutableMap.of("only", Nd4j.createFromArray(value)));
  }

  @Test
  void copyOf_arraysOfAnyRank_liesInTheirOrderAndShape() {
    try (Parameters parameters = threeParameters()) {
      assertThat(parameters.names()).containsExactly("matrix", "scalar", "vector");
      assertThat(parameters.count()).isEqualTo(9);
      assertThat(parameters.dataType()).isEqualTo(DataType.DOUBLE);
      assertThat(parameters.vector().toDoubleVector()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9);
      assertThat(parameters.get("matrix").shape()).containsExactly(2, 3);
      assertThat(parameters.get("matrix").getDouble(1, 0)).isEqualTo(4);
      assertThat(parameters.get("scalar").shape()).isEmpty();
      assertThat(parameters.get("scalar").getDouble(0)).isEqualTo(7);
      assertThat(parameters.asMap()).containsOnlyKeys("matrix", "scalar", "vector");
    }
  }

  @Test
  void copyOf_columnMajorOrStridedArrays_keepsEachElementInItsPlace() {
    INDArray matrix = Nd4j.createFromArray(new float[][] {{1, 2, 3}, {4, 5, 6}});
    try (Parameters parameters =
        Parameters.copyOf(ImmutableMap.of("a", matrix.dup('f'), "b", matrix.transpose()))) {
      assertThat(parameters.vector().toDoubleVector())
          .containsExactly(1, 2, 3, 4, 5, 6, 1, 4, 2, 5, 3, 6);
    }
  }

  @Test
  void copyOf_arrays_doesNotShareTheirMemory() {
    INDArray given = Nd4j.createFromArray(1.0, 2);
    try (Parameters parameters = Parameters.copyOf(ImmutableMap.of("a", given))) {
      given.muli(100);
      assertThat(parameters.vector().toDoubleVector()).containsExactly(1, 2);
    }
  }

  @Test
  void copyOf_nothingOrOtherTypes_isRefusedByName() {
    assertThatThrownBy(() -> Parameters.copyOf(Map.of()))
        .hasMessage("initial: expected at least one parameter, got none");
    assertThatThrownBy(() -> Parameters.copyOf(ImmutableMap.of("ids", Nd4j.createFromArray(1, 2))))
        .hasMessage("initial[ids]: expected type FLOAT or DOUBLE, got INT");
    assertThatThrownBy(
            () ->
                Parameters.copyOf(
                    ImmutableMap.of(
                        "a", Nd4j.createFromArray(1.0), "b", Nd4j.createFromArray(1.0f))))
        .hasMessage("initial[b]: expected type DOUBLE as the first parameter, got FLOAT");
  }

  @Test
  void get_unknownName_isRefusedWithTheKnownOnes() {
    try (Parameters parameters = threeParameters()) {
      assertThatThrownBy(() -> parameters.get("bias"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("name: expected one of [matrix, scalar, vector], got bias");
    }
  }

  @Test
  void viewsInto_aVectorOfTheSameLength_areItsNamedParts() {
    try (Parameters parameters = threeParameters()) {
      INDArray gradient = Nd4j.zeros(DataType.DOUBLE, 9);
      parameters
          .viewsInto(gradient)
          .forEach((name, view) -> view.addi(name.equals("matrix") ? 5 : 1));
      assertThat(gradient.toDoubleVector()).containsExactly(5, 5, 5, 5, 5, 5, 1, 1, 1);
      assertThatThrownBy(() -> parameters.viewsInto(Nd4j.zeros(DataType.DOUBLE, 8)))
          .hasMessage("vector: expected length 9, got 8");
    }
  }

  @Test
  void update_withoutCopies_changesTheSameBufferInPlace() {
    try (Parameters parameters = threeParameters()) {
      INDArray view = parameters.get("vector");
      Object buffer = parameters.vector().data();
      parameters.update(vector -> vector.muli(2));
      assertThat(parameters.vector().data()).isSameAs(buffer);
      assertThat(view.toDoubleVector()).containsExactly(16, 18);
    }
  }

  @Test
  void frozenCopy_untilTheOriginalChanges_sharesItsBuffer() {
    try (Parameters parameters = threeParameters();
        Parameters copy = parameters.frozenCopy()) {
      Object shared = parameters.vector().data();
      assertThat(copy.vector().data()).isSameAs(shared);

      parameters.update(vector -> vector.muli(2));

      assertThat(copy.vector().data()).isSameAs(shared);
      assertThat(parameters.vector().data()).isNotSameAs(shared);
      assertThat(copy.get("vector").toDoubleVector()).containsExactly(8, 9);
      assertThat(parameters.get("vector").toDoubleVector()).containsExactly(16, 18);
    }
  }

  @Test
  void update_afterTheCopyIsClosed_isInPlaceAgain() {
    try (Parameters parameters = threeParameters()) {
      Object buffer = parameters.vector().data();
      parameters.frozenCopy().close();
      parameters.update(vector -> vector.muli(2));
      assertThat(parameters.vector().data()).isSameAs(buffer);
    }
  }

  @Test
  void frozenCopy_ofAFrozenCopy_sharesTooAndOutlivesIt() {
    try (Parameters parameters = single(1)) {
      Parameters first = parameters.frozenCopy();
      try (Parameters second = first.frozenCopy()) {
        first.close();
        parameters.update(vector -> vector.muli(5));
        assertThat(second.isFrozen()).isTrue();
        assertThat(second.vector().getDouble(0)).isEqualTo(1);
      }
    }
  }

  @Test
  void update_ofAFrozenCopy_isRefused() {
    try (Parameters parameters = single(1);
        Parameters copy = parameters.frozenCopy()) {
      assertThat(parameters.isFrozen()).isFalse();
      assertThatThrownBy(() -> copy.update(vector -> vector.muli(2)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("parameters: expected trainable ones, got frozen ones");
      assertThat(copy.vector().getDouble(0)).isEqualTo(1);
    }
  }

  @Test
  void frozenInPlace_ofArrays_readsThemWhereTheyLie() {
    INDArray first = Nd4j.createFromArray(1f, 2f);
    INDArray second = Nd4j.createFromArray(new float[][] {{3f}, {4f}});
    Parameters parameters = Parameters.frozenInPlace(ImmutableMap.of("b", first, "a", second));
    assertThat(parameters.names()).containsExactly("b", "a");
    assertThat(parameters.get("a")).isSameAs(second);
    assertThat(parameters.asMap()).containsEntry("b", first);
    assertThat(parameters.count()).isEqualTo(4);
    assertThat(parameters.dataType()).isEqualTo(DataType.FLOAT);
    assertThat(parameters.isFrozen()).isTrue();
    assertThatThrownBy(() -> parameters.update(vector -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("parameters: expected trainable ones, got frozen ones");
    assertThatThrownBy(parameters::vector)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(
            "vector: expected parameters side by side, got some that lie apart; get(name) has"
                + " each");
    try (INDArray vector = Nd4j.createFromArray(5f, 6f, 7f, 8f)) {
      assertThat(parameters.viewsInto(vector))
          .containsEntry("a", Nd4j.createFromArray(new float[][] {{7f}, {8f}}));
    }

    Parameters copy = parameters.frozenCopy();
    parameters.close();
    assertThatThrownBy(parameters::count).isInstanceOf(IllegalStateException.class);
    assertThat(copy.get("b").getFloat(1)).isEqualTo(2f);
    copy.close();
    assertThat(first.wasClosed()).isTrue();
    assertThat(second.wasClosed()).isTrue();
  }

  @Test
  void frozenInPlace_ofNoneOrOfSeveralTypes_isRefused() {
    assertThatThrownBy(() -> Parameters.frozenInPlace(ImmutableMap.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("arrays: expected at least one parameter, got none");
    assertThatThrownBy(
            () ->
                Parameters.frozenInPlace(
                    ImmutableMap.of("a", Nd4j.createFromArray(1f), "b", Nd4j.createFromArray(1d))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("arrays[b]: expected type FLOAT as the first parameter, got DOUBLE");
  }

  @Test
  void close_ofTheLastUser_freesTheVectorOnce() {
    Parameters parameters = single(3);
    Parameters copy = parameters.frozenCopy();
    INDArray vector = copy.vector();
    parameters.close();
    parameters.close(); // the second time counts for nothing
    assertThat(vector.wasClosed()).isFalse();
    assertThat(copy.vector().getDouble(0)).isEqualTo(3);
    copy.close();
    assertThat(vector.wasClosed()).isTrue();
  }

  @Test
  void use_afterClose_isRefused() {
    Parameters parameters = single(3);
    parameters.close();
    assertThatThrownBy(parameters::vector)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("parameters: expected open parameters, got closed ones");
    assertThatThrownBy(parameters::frozenCopy).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> parameters.update(vector -> {}))
        .isInstanceOf(IllegalStateException.class);
  }

  /** Any order of copies, updates and closings: each copy keeps its value, and nothing leaks. */
  @Property(tries = 100)
  void copies_inAnyOrder_keepTheirValuesUntilTheyAreClosed(@ForAll Random random) {
    Parameters parameters = single(0);
    List<Parameters> copies = new ArrayList<>();
    List<Double> values = new ArrayList<>();
    List<INDArray> vectors = new ArrayList<>(List.of(parameters.vector()));
    for (int action = 0; action < 30; action++) {
      switch (random.nextInt(3)) {
        case 0 -> {
          copies.add(parameters.frozenCopy());
          values.add(parameters.vector().getDouble(0));
        }
        case 1 -> {
          parameters.update(vector -> vector.addi(1));
          vectors.add(parameters.vector());
        }
        default -> {
          if (!copies.isEmpty()) {
            int index = random.nextInt(copies.size());
            copies.remove(index).close();
            values.remove(index);
          }
        }
      }
      for (int i = 0; i < copies.size(); i++) {
        assertThat(copies.get(i).vector().getDouble(0)).isEqualTo(values.get(i));
      }
    }
    parameters.close();
    copies.forEach(Parameters::close);
    assertThat(vectors).allMatch(INDArray::wasClosed);
  }
}
