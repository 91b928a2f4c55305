package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A value of a {@link RowStep}, seen as a matrix of rows: a number for each element, or one for
 * each row. Equal values are one object.
 */
final class RowValue {

  /** What makes the value. */
  enum Kind {
    /** Given, a number for each element; where fewer are given, they are repeated. */
    READ,
    /** Given, a number for each row. */
    READ_COLUMN,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    /** a + number. */
    ADD_NUMBER,
    /** a · number. */
    MULTIPLY_NUMBER,
    /** number − a. */
    SUBTRACT_FROM,
    /** number / a. */
    DIVIDE_INTO,
    /** a to the power of number. */
    POWER,
    EXP,
    /** {@link QuarterTurn} of each row, of so many pairs of elements as number says. */
    QUARTER_TURN,
    LOG,
    SQRT,
    /** The sum of each row. */
    ROW_SUM,
    /** The greatest element of each row. */
    ROW_MAX,
    /** A number for each row as a number for each element. */
    SPREAD,
    /**
     * The sum of all rows: a number for each column. Only to be written, no other value's operand.
     */
    COLUMN_SUM
  }

  private final Kind kind;
  private final @Nullable RowValue a;
  private final @Nullable RowValue b;
  private final double number;
  private final String name;
  private final boolean column;

  private RowValue(
      Kind kind, @Nullable RowValue a, @Nullable RowValue b, double number, String name) {
    this.kind = kind;
    this.a = a;
    this.b = b;
    this.number = number;
    this.name = name;
    this.column =
        switch (kind) {
          case READ_COLUMN, ROW_SUM, ROW_MAX -> true;
          case READ, SPREAD, COLUMN_SUM -> false;
          default -> (a == null || a.column) && (b == null || b.column);
        };
  }

  Kind kind() {
    return kind;
  }

  /** The first operand. */
  RowValue a() {
    if (a == null) {
      throw new IllegalStateException(kind + " has no operand");
    }
    return a;
  }

  /** The second operand. */
  RowValue b() {
    if (b == null) {
      throw new IllegalStateException(kind + " has no second operand");
    }
    return b;
  }

  ImmutableList<RowValue> operands() {
    if (a == null) {
      return ImmutableList.of();
    }
    return b == null ? ImmutableList.of(a) : ImmutableList.of(a, b);
  }

  double number() {
    return number;
  }

  /** The variable that is read. */
  String name() {
    return name;
  }

  /** Whether it has one number for each row. */
  boolean isColumn() {
    return column;
  }

  /** Makes values, each once. */
  static final class Factory {

    private record Key(
        Kind kind, @Nullable RowValue a, @Nullable RowValue b, double number, String name) {}

    private final Map<Key, RowValue> known = new HashMap<>();

    RowValue read(String name, boolean column) {
      return make(column ? Kind.READ_COLUMN : Kind.READ, null, null, 0, name);
    }

    RowValue of(Kind kind, RowValue a) {
      return make(kind, a, null, 0, "");
    }

    RowValue of(Kind kind, RowValue a, RowValue b) {
      return make(kind, a, b, 0, "");
    }

    RowValue of(Kind kind, RowValue a, double number) {
      boolean same =
          (kind == Kind.MULTIPLY_NUMBER && number == 1) || (kind == Kind.POWER && number == 1);
      return same ? a : make(kind, a, null, number, "");
    }

    /** {@code aⁿ}, without a call of pow where roots and products do. */
    RowValue power(RowValue a, double number) {
      if (number == 2) {
        return of(Kind.MULTIPLY, a, a);
      }
      return number == -0.5
          ? of(Kind.DIVIDE_INTO, of(Kind.SQRT, a), 1.0)
          : of(Kind.POWER, a, number);
    }

    /** {@code 1 / (1 + e⁻ᵃ)}. */
    RowValue sigmoid(RowValue a) {
      RowValue exp = of(Kind.EXP, of(Kind.MULTIPLY_NUMBER, a, -1.0));
      return of(Kind.DIVIDE_INTO, of(Kind.ADD_NUMBER, exp, 1.0), 1.0);
    }

    /** A number for each element. */
    RowValue full(RowValue a) {
      return a.column ? of(Kind.SPREAD, a) : a;
    }

    private RowValue make(
        Kind kind, @Nullable RowValue a, @Nullable RowValue b, double number, String name) {
      return known.computeIfAbsent(
          new Key(kind, a, b, number, name),
          key -> new RowValue(key.kind, key.a, key.b, key.number, key.name));
    }
  }
}
