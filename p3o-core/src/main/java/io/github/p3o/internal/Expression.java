package io.github.p3o.internal;

import com.google.common.collect.ImmutableList;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A value of a {@link PointwiseProgram}: one number for each lane, or one for all lanes. Equal
 * expressions are one object.
 */
final class Expression {

  /** What makes the value. */
  enum Kind {
    /** Given, one number for each lane. */
    LANES,
    /** Given, one number. */
    NUMBER,
    CONSTANT,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    EXP,
    LOG,
    POWER,
    /** 1 where a > b, else 0. */
    GREATER,
    /** 1 where a is not 0, else 0. */
    NONZERO,
    /** a bounded to [low, high]. */
    CLIP,
    /** The sum over all lanes, one number. */
    SUM,
    /** The least of all lanes, one number. */
    LEAST,
    /** The greatest of all lanes, one number. */
    GREATEST;

    /** Whether it makes one number of all lanes. */
    boolean reduces() {
      return this == SUM || this == LEAST || this == GREATEST;
    }
  }

  private final Kind kind;
  private final int id;
  private final @Nullable Expression a;
  private final @Nullable Expression b;
  private final double low;
  private final double high;
  private final String name;
  private final boolean lanes;
  private final boolean afterReduction;

  private Expression(
      Kind kind,
      int id,
      @Nullable Expression a,
      @Nullable Expression b,
      double low,
      double high,
      String name) {
    this.kind = kind;
    this.id = id;
    this.a = a;
    this.b = b;
    this.low = low;
    this.high = high;
    this.name = name;
    boolean ofLanes = (a != null && a.lanes) || (b != null && b.lanes);
    this.lanes = kind == Kind.LANES || (ofLanes && !kind.reduces());
    this.afterReduction =
        kind.reduces() || (a != null && a.afterReduction) || (b != null && b.afterReduction);
  }

  Kind kind() {
    return kind;
  }

  /** The first operand. */
  Expression a() {
    if (a == null) {
      throw new IllegalStateException(kind + " has no operand");
    }
    return a;
  }

  /** The second operand. */
  Expression b() {
    if (b == null) {
      throw new IllegalStateException(kind + " has no second operand");
    }
    return b;
  }

  boolean hasB() {
    return b != null;
  }

  ImmutableList<Expression> operands() {
    if (a == null) {
      return ImmutableList.of();
    }
    return b == null ? ImmutableList.of(a) : ImmutableList.of(a, b);
  }

  /** The constant, the exponent, or the lower bound. */
  double low() {
    return low;
  }

  double high() {
    return high;
  }

  String name() {
    return name;
  }

  /** Whether it has a number for each lane. */
  boolean lanes() {
    return lanes;
  }

  /** Whether it is known only when all lanes are done. */
  boolean afterReduction() {
    return afterReduction;
  }

  /** Whether it is 0 or 1 in each lane, or a sum of such numbers. */
  private boolean isCount() {
    return switch (kind) {
      case GREATER, NONZERO -> lanes;
      case ADD, MULTIPLY -> a().isCount() && b().isCount();
      default -> false;
    };
  }

  private boolean isConstant(double value) {
    return kind == Kind.CONSTANT && low == value;
  }

  /** Makes expressions, each once, and simpler where they are equal for all finite numbers. */
  static final class Factory {

    private record Key(Kind kind, int a, int b, double low, double high, String name) {}

    private final Map<Key, Expression> known = new HashMap<>();

    Expression lanes(String name) {
      return make(Kind.LANES, null, null, 0, 0, name);
    }

    Expression number(String name) {
      return make(Kind.NUMBER, null, null, 0, 0, name);
    }

    Expression constant(double value) {
      return make(Kind.CONSTANT, null, null, value, 0, "");
    }

    Expression add(Expression a, Expression b) {
      if (a.isConstant(0)) {
        return b;
      }
      if (b.isConstant(0)) {
        return a;
      }
      if (isBelow(a) && isAbove(b) && a.b() == b.a() && a.a().low <= b.b().low) {
        return outside(b.a(), a.a().low, b.b().low);
      }
      Expression clip = asClip(a, b);
      return clip != null ? clip : binary(Kind.ADD, a, b);
    }

    Expression subtract(Expression a, Expression b) {
      if (b.isConstant(0)) {
        return a;
      }
      return a.isConstant(0) ? multiply(b, constant(-1)) : binary(Kind.SUBTRACT, a, b);
    }

    Expression multiply(Expression a, Expression b) {
      if (a.isConstant(1) || b.isConstant(0)) {
        return b;
      }
      return b.isConstant(1) || a.isConstant(0) ? a : binary(Kind.MULTIPLY, a, b);
    }

    Expression divide(Expression a, Expression b) {
      return b.isConstant(1) ? a : binary(Kind.DIVIDE, a, b);
    }

    Expression greater(Expression a, Expression b) {
      return binary(Kind.GREATER, a, b);
    }

    Expression exp(Expression a) {
      return make(Kind.EXP, a, null, 0, 0, "");
    }

    Expression log(Expression a) {
      return make(Kind.LOG, a, null, 0, 0, "");
    }

    Expression power(Expression a, double exponent) {
      return make(Kind.POWER, a, null, exponent, 0, "");
    }

    /** 1 where a is below low or above high, else 0: where a clip to them changes it. */
    Expression outside(Expression a, double low, double high) {
      boolean atZero = low == 0 && high == 0;
      Expression beyond = atZero ? a : subtract(a, clip(a, low, high));
      return make(Kind.NONZERO, beyond, null, 0, 0, "");
    }

    private static boolean isBelow(Expression e) {
      return e.kind == Kind.GREATER && e.a().kind == Kind.CONSTANT;
    }

    private static boolean isAbove(Expression e) {
      return e.kind == Kind.GREATER && e.b().kind == Kind.CONSTANT;
    }

    Expression clip(Expression a, double low, double high) {
      return make(Kind.CLIP, a, null, low, high, "");
    }

    /** Factors that are the same for all lanes are multiplied once; counts are added exactly. */
    Expression sum(Expression a) {
      if (a.kind == Kind.MULTIPLY && a.lanes && !a.b().lanes) {
        return multiply(sum(a.a()), a.b());
      }
      if (a.kind == Kind.MULTIPLY && a.lanes && !a.a().lanes) {
        return multiply(a.a(), sum(a.b()));
      }
      boolean ofCounts = a.kind == Kind.ADD && a.a().isCount() && a.b().isCount();
      return ofCounts ? add(sum(a.a()), sum(a.b())) : reduce(Kind.SUM, a);
    }

    Expression least(Expression a) {
      return reduce(Kind.LEAST, a);
    }

    Expression greatest(Expression a) {
      return reduce(Kind.GREATEST, a);
    }

    private Expression reduce(Kind kind, Expression a) {
      return a.lanes() ? make(kind, a, null, 0, 0, "") : a;
    }

    private Expression binary(Kind kind, Expression a, Expression b) {
      return make(kind, a, b, 0, 0, "");
    }

    /** {@link Ops#clip}: {@code (1 − (below + above)) x + (below · low + above · high)}. */
    private @Nullable Expression asClip(Expression inside, Expression bounds) {
      if (inside.kind != Kind.MULTIPLY || bounds.kind != Kind.ADD) {
        return null;
      }
      Expression x = inside.b();
      Expression low = bounds.a();
      Expression high = bounds.b();
      if (low.kind != Kind.MULTIPLY
          || high.kind != Kind.MULTIPLY
          || low.b().kind != Kind.CONSTANT
          || high.b().kind != Kind.CONSTANT) {
        return null;
      }
      Expression below = greater(low.b(), x);
      Expression above = greater(x, high.b());
      Expression mask = subtract(constant(1), add(below, above));
      boolean matches = low.a() == below && high.a() == above && inside.a() == mask;
      return matches ? clip(x, low.b().low, high.b().low) : null;
    }

    private Expression make(
        Kind kind,
        @Nullable Expression a,
        @Nullable Expression b,
        double low,
        double high,
        String name) {
      Key key = new Key(kind, a == null ? -1 : a.id, b == null ? -1 : b.id, low, high, name);
      return known.computeIfAbsent(
          key, k -> new Expression(kind, known.size(), a, b, low, high, name));
    }
  }
}
