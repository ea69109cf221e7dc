// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "./Argument.sol";
import {Field} from "./Field.sol";
import {Lines} from "./Lines.sol";
import {Shapes} from "./Shapes.sol";
import {Tables} from "./Tables.sol";

/// @title The circuit's numbers, by following a tape
/// @notice trust/proof/tape.hpp draws the words. The sum over a tape's parts is value + theta * constant of an argument's claim, when the circuit
/// gives the two. A tape is taken at its word: whoever relies on it knows its hash to be the program's.
library Tape {
    using Field for uint256;
    using Tables for Tables.Table;

    uint256 private constant ROWS = 0;
    uint256 private constant TAU = 1;
    uint256 private constant POINT = 2;
    uint256 private constant NO_OUTER = 0xffffffff;
    /// @dev Slots as numbers of `sums`: those below 8 as they are, a form's 16 to 23 as 8 + 8 form + (slot - 16).
    uint256 private constant SUM = 6;
    uint256 private constant BIAS = 22;
    uint256 private constant HIDDEN = 23;

    error NoSuchOperation(uint256 op);
    error NotListed(uint256 index, uint256 length);

    /// @dev What a part is read with.
    struct Reader {
        Tables.Table[] tables; // of rowsPoint, tau, point; of each form: tau of rows, tau of columns, point
        uint256[] columns;
        uint256 rowsLog;
        uint256 theta;
        uint256[] stated;
        uint256[] linear; // L
        uint256 loaded; // of L
        uint256[] sums; // a slot and power each
        uint256 masks;
        uint256 lambda;
        Word word; // the last that was read
        uint256 outerOf; // table and index whose factor is `outer`
        uint256 outer;
        uint256 columnOf; // column and number of the high table whose factor is `column`
        uint256 column;
    }

    struct Word {
        uint256 op;
        uint256 slot;
        uint256 power;
        uint256 k;
        uint256 stride;
        uint256 row;
        uint256 ref;
        uint256 count;
        uint256 coefficient;
        uint256 outer;
        uint256 form;
    }

    /// @notice What a part adds. `stated`: canonical elements of F_p.
    function read(Argument.Claim memory claim, Shapes.Shape memory shape, uint256 theta, uint256[] memory stated, bytes calldata part)
        internal
        pure
        returns (uint256)
    {
        Reader memory r = begin(claim, shape, theta, stated);
        uint256 pos;
        assembly ("memory-safe") {
            pos := part.offset
        }
        uint256 end = pos + part.length;
        while (pos < end) pos = step(r, pos);
        return combined(r, claim);
    }

    function begin(Argument.Claim memory claim, Shapes.Shape memory shape, uint256 theta, uint256[] memory stated)
        private
        pure
        returns (Reader memory r)
    {
        uint256 forms = shape.forms.length;
        r.tables = new Tables.Table[](3 + 3 * forms);
        r.tables[ROWS] = Tables.make(claim.rowsPoint);
        r.tables[TAU] = Tables.make(claim.tau);
        r.tables[POINT] = Tables.make(claim.point);
        for (uint256 f = 0; f < forms; ++f) {
            uint256 rows = shape.forms[f].rowsLog;
            r.tables[3 + 3 * f] = Tables.make(slice(claim.formTau[f], 0, rows));
            r.tables[4 + 3 * f] = Tables.make(slice(claim.formTau[f], rows, claim.formTau[f].length));
            r.tables[5 + 3 * f] = Tables.make(claim.formPoint[f]);
        }
        r.columns = claim.columns;
        r.rowsLog = claim.point.length;
        r.theta = theta;
        r.stated = stated;
        r.linear = new uint256[](1);
        r.loaded = 1;
        r.sums = new uint256[](24 * (1 + forms));
        r.lambda = claim.lambda;
    }

    function slice(uint256[] memory from, uint256 begin_, uint256 end) private pure returns (uint256[] memory out) {
        out = new uint256[](end - begin_);
        for (uint256 i = begin_; i < end; ++i) out[i - begin_] = from[i];
    }

    /// @dev The word at a calldata position and what follows it. Returns the next word's position.
    function step(Reader memory r, uint256 pos) private pure returns (uint256) {
        uint256 w;
        assembly ("memory-safe") {
            w := calldataload(pos)
        }
        pos += 32;
        Word memory word = r.word;
        word.op = w >> 248;
        word.slot = (w >> 240) & 0xff;
        word.power = (w >> 236) & 0xf;
        word.k = (w >> 232) & 0xf;
        word.stride = (w >> 216) & 0xffff;
        word.row = (w >> 184) & 0xffffffff;
        word.ref = (w >> 152) & 0xffffffff;
        word.count = (w >> 120) & 0xffffffff;
        word.coefficient = (w >> 56) & 0xffffffffffffffff;
        word.outer = (w >> 24) & 0xffffffff;
        word.form = (w >> 8) & 0xffff;
        if (word.op <= 5) {
            term(r, word);
        } else if (word.op == 6) {
            loadCells(r, word);
        } else if (word.op == 7) {
            for (uint256 u = 0; u < word.count; ++u) r.linear[r.loaded++] = r.theta.scale(r.stated[word.ref + u]);
        } else if (word.op == 8) {
            pos = Lines.product(r.linear, r.loaded, r.theta, pos, Lines.Size(word.row, word.ref, word.count, word.stride, word.outer));
            r.loaded += word.row * word.ref;
        } else if (word.op == 9) {
            pos = Lines.rows(r.linear, r.loaded, r.theta, pos, word.count);
            r.loaded += word.count;
        } else if (word.op == 10) {
            mask(r, word);
        } else if (word.op == 11) {
            r.linear = new uint256[](word.count);
        } else {
            revert NoSuchOperation(word.op);
        }
        return pos;
    }

    /// @dev Tables of the index that runs and of the outer one.
    function tablesOf(uint256 slot, uint256 form) private pure returns (uint256 runs, uint256 outer) {
        if (slot < 8) return (slot == 2 ? TAU : ROWS, 0);
        uint256 rows = 3 + 3 * form;
        if (slot == 16) return (rows, rows + 1);
        if (slot == 17) return (rows + 1, rows);
        if (slot == 18) return (rows + 2, rows);
        if (slot == 19) return (rows, rows + 2);
        if (slot == 20) return (rows + 2, rows + 1);
        if (slot == 21) return (rows + 1, rows + 2);
        return (rows + 1, rows);
    }

    function term(Reader memory r, Word memory word) private pure {
        (uint256 runs, uint256 outer) = tablesOf(word.slot, word.form);
        uint256 value;
        if (word.op == 1) value = (word.slot == SUM || word.slot == HIDDEN) ? cellsAlone(r, word) : cells(r, r.tables[runs], word);
        else if (word.op <= 3) value = listed(r, r.tables[runs], word);
        else value = counted(r, r.tables[runs], word);
        if (word.op != 5) value = value.scale(word.coefficient);
        if (word.slot == BIAS) value = value.mul(prefix(r.tables[outer], word.outer));
        else if (word.slot >= 16 && word.outer != NO_OUTER) value = value.mul(outerFactor(r, outer, word.outer));
        uint256 slot = word.slot < 8 ? word.slot : 8 * word.form + word.slot - 8;
        slot = 3 * slot + word.power;
        r.sums[slot] = r.sums[slot].add(value).canonical();
    }

    /// @dev eq of the outer index: many words in a row have the same.
    function outerFactor(Reader memory r, uint256 table, uint256 index) private pure returns (uint256 out) {
        uint256 key = ((table + 1) << 32) | index;
        if (key == r.outerOf) return r.outer;
        out = r.tables[table].value(index);
        (r.outerOf, r.outer) = (key, out);
    }

    /// @dev A column's value times entry `index` of the high table of the point.
    function columnFactor(Reader memory r, uint256 column, uint256 index) private pure returns (uint256 out) {
        uint256 key = ((column + 1) << 32) | index;
        if (key == r.columnOf) return r.column;
        out = r.tables[POINT].high[index].mul(r.columns[column]);
        (r.columnOf, r.column) = (key, out);
    }

    /// @dev sum over count blocks of 2^k of eq(row + u) M(ref + u), M(place) = eq(point, row of place) e_column.
    function cells(Reader memory r, Tables.Table memory t, Word memory word) private pure returns (uint256 sum) {
        unchecked {
            uint256 k = word.k;
            uint256[] memory low = t.lowOf(k);
            uint256[] memory pointLow = r.tables[POINT].lowOf(k);
            uint256 row = word.row >> k;
            uint256 ref = word.ref;
            for (uint256 left = word.count; left != 0;) {
                uint256 inColumn = (ref & ((1 << r.rowsLog) - 1)) >> k;
                uint256 from = row % low.length;
                uint256 with = inColumn % pointLow.length;
                uint256 n = low.length - from;
                if (n > left) n = left;
                uint256 other = (pointLow.length - with + word.stride - 1) / word.stride;
                if (n > other) n = other;
                uint256 factor = t.high[row / low.length].mul(columnFactor(r, ref >> r.rowsLog, inColumn / pointLow.length));
                sum = sum.add(factor.mul(Tables.dot(place(low, from), place(pointLow, with), word.stride << 5, n)));
                row += n;
                ref += (n * word.stride) << k;
                left -= n;
            }
            sum = sum.canonical();
            if (k != 0) sum = sum.mul(t.both(r.tables[POINT], k));
        }
    }

    /// @dev sum over count blocks of 2^k of M(ref + u).
    function cellsAlone(Reader memory r, Word memory word) private pure returns (uint256 sum) {
        unchecked {
            uint256[] memory low = r.tables[POINT].lowOf(word.k);
            uint256 ref = word.ref;
            for (uint256 left = word.count; left != 0;) {
                uint256 inColumn = (ref & ((1 << r.rowsLog) - 1)) >> word.k;
                uint256 from = inColumn % low.length;
                uint256 n = low.length - from;
                if (n > left) n = left;
                (uint256 part,) = Tables.sums(place(low, from), n);
                sum = sum.add(part.mul(r.tables[POINT].high[inColumn / low.length]).mul(r.columns[ref >> r.rowsLog]));
                ref += n << word.k;
                left -= n;
            }
            sum = sum.canonical();
        }
    }

    /// @dev sum over count of eq(row + u) v(ref + u stride), v of L or theta times what is stated.
    function listed(Reader memory r, Tables.Table memory t, Word memory word) private pure returns (uint256 sum) {
        unchecked {
            uint256[] memory list = word.op == 2 ? r.linear : r.stated;
            uint256[] memory low = t.lowOf(0);
            uint256 row = word.row;
            uint256 ref = word.ref;
            if (word.count != 0 && ref + word.stride * (word.count - 1) >= list.length) {
                revert NotListed(ref + word.stride * (word.count - 1), list.length);
            }
            for (uint256 left = word.count; left != 0;) {
                uint256 from = row % low.length;
                uint256 n = low.length - from;
                if (n > left) n = left;
                sum = sum.add(t.high[row / low.length].mul(Tables.dot(place(low, from), place(list, ref), word.stride << 5, n)));
                row += n;
                ref += n * word.stride;
                left -= n;
            }
            sum = sum.canonical();
            if (word.op == 3) sum = sum.mul(r.theta);
        }
    }

    /// @dev theta times the sum over count blocks of 2^k of eq(row + u), each times coefficient + u if it is a ramp.
    function counted(Reader memory r, Tables.Table memory t, Word memory word) private pure returns (uint256 sum) {
        unchecked {
            uint256 k = word.k;
            uint256[] memory low = t.lowOf(k);
            uint256 row = word.row >> k;
            uint256 inside; // sum_{b < k} 2^b point_b: what the number inside a block gives
            if (word.op == 5) for (uint256 b = 0; b < k; ++b) inside = inside.add(t.point[b] << b);
            inside = inside.canonical();
            uint256 done;
            for (uint256 left = word.count; left != 0;) {
                uint256 from = row % low.length;
                uint256 n = low.length - from;
                if (n > left) n = left;
                (uint256 total, uint256 numbered) = Tables.sums(place(low, from), n);
                if (word.op == 5) {
                    uint256 first = (word.coefficient + (done << k)) % Field.P;
                    total = total.scale(first).add(total.mul(inside)).add(numbered.scale(1 << k));
                }
                sum = sum.add(t.high[row / low.length].mul(total));
                row += n;
                done += n;
                left -= n;
            }
            sum = sum.canonical().mul(r.theta);
        }
    }

    /// @dev sum_{j < n} eq(j).
    function prefix(Tables.Table memory t, uint256 n) private pure returns (uint256 sum) {
        uint256[] memory low = t.lowOf(0);
        for (uint256 from = 0; from < n; from += low.length) {
            (uint256 total,) = Tables.sums(place(low, 0), n - from < low.length ? n - from : low.length);
            sum = sum.add(t.high[from / low.length].mul(total));
        }
        sum = sum.canonical();
    }

    function place(uint256[] memory list, uint256 i) private pure returns (uint256 pos) {
        assembly ("memory-safe") {
            pos := add(add(list, 32), shl(5, i))
        }
    }

    function cell(Reader memory r, uint256 ref) private pure returns (uint256) {
        return r.tables[POINT].value(ref & ((1 << r.rowsLog) - 1)).mul(r.columns[ref >> r.rowsLog]);
    }

    function loadCells(Reader memory r, Word memory word) private pure {
        unchecked {
            uint256[] memory low = r.tables[POINT].lowOf(0);
            uint256 mask_ = (1 << r.rowsLog) - 1;
            uint256 factor;
            for (uint256 u = 0; u < word.count; ++u) {
                uint256 ref = word.ref + u;
                uint256 from = (ref & mask_) % low.length;
                if (u == 0 || from == 0) factor = r.tables[POINT].high[(ref & mask_) / low.length].mul(r.columns[ref >> r.rowsLog]);
                r.linear[r.loaded + u] = factor.mul(low[from]);
            }
            r.loaded += word.count;
        }
    }

    /// @dev Cells of a sumcheck's mask: each weighs what it does in the mask's total and in its value at the point.
    function mask(Reader memory r, Word memory word) private pure {
        uint256[] memory point = r.tables[word.form == 0 ? ROWS : 2 + 3 * word.form].point;
        uint256 degree = word.form == 0 ? 3 : 2;
        uint256 base = word.form == 0 ? 0 : 1 + 4 * word.form;
        uint256 cube = r.lambda.mul(r.lambda).mul(r.lambda);
        uint256[] memory weights = new uint256[](degree * point.length + 1);
        uint256 half = 1;
        for (uint256 i = 1; i < point.length; ++i) half = (2 * half) % Field.P;
        if (point.length == 0) half = Field.HALF;
        weights[0] = cube.add((2 * half) % Field.P);
        for (uint256 i = 0; i < point.length; ++i) {
            uint256 power = 1;
            for (uint256 k = 1; k <= degree; ++k) {
                power = power.mul(point[i]);
                weights[degree * i + k] = cube.mul(power).add(half).canonical();
            }
        }
        uint256 sum;
        for (uint256 u = 0; u < word.count; ++u) {
            uint256 value = weights[(word.row + u) / 3].mul(cell(r, word.ref + u));
            for (uint256 k = (word.row + u) % 3; k != 0; --k) value = value.mul(1 << 80);
            sum = sum.add(value);
        }
        r.masks = r.masks.add(sum.canonical().mul(power_(r.lambda, base))).canonical();
    }

    function power_(uint256 x, uint256 n) private pure returns (uint256 out) {
        out = 1;
        for (; n != 0; --n) out = out.mul(x);
    }

    /// @dev The sums of all slots, each times what its slot weighs.
    function combined(Reader memory r, Argument.Claim memory claim) private pure returns (uint256 sum) {
        sum = r.masks;
        uint256 two = claim.lambda.mul(claim.lambda);
        uint256 x = Field.canonical(Field.sub(0, two.mul(claim.beta)));
        uint256[8] memory scalars = [claim.lambda, two, 1, x, x.mul(claim.beta), two.mul(claim.alpha), two.mul(two), 0];
        for (uint256 i = 0; i < 8; ++i) sum = sum.add(element(r.sums, i).mul(scalars[i]));
        uint256 first = two.mul(two).mul(claim.lambda);
        for (uint256 pos = 8; 3 * pos < r.sums.length; pos += 8) {
            uint256 second = first.mul(claim.lambda);
            uint256 third = second.mul(claim.lambda);
            sum = sum.add(element(r.sums, pos).add(element(r.sums, pos + 1)).add(element(r.sums, pos + 7)).mul(first));
            sum = sum.add(element(r.sums, pos + 2).add(element(r.sums, pos + 3)).mul(second));
            sum = sum.add(element(r.sums, pos + 4).add(element(r.sums, pos + 5)).mul(third));
            sum = Field.canonical(Field.sub(sum.canonical(), element(r.sums, pos + 6).mul(first)));
            first = first.mul(two).mul(two);
        }
        sum = sum.canonical();
    }

    /// @dev s_0 + s_1 X + s_2 X^2 of a slot's sums.
    function element(uint256[] memory sums, uint256 slot) private pure returns (uint256) {
        return Field.canonical(sums[3 * slot].add(sums[3 * slot + 1].mul(1 << 80)).add(sums[3 * slot + 2].mul(1 << 160)));
    }
}
