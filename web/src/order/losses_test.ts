import { expect, test } from "vitest";
import { course_of } from "./losses";

test("a falling loss runs from the upper left to the lower right", () => {
  const course = course_of([[1, 2], [11, 1], [21, 0]]);
  expect(course).toEqual({ points: "0.0,2.0 300.0,90.0 600.0,178.0", first: "2.00", last: "0.00" });
});

test("what is no number is left out, and a single point is no course", () => {
  expect(course_of([[1, 2], [2, null], [3, 1]])?.points.split(" ")).toHaveLength(2);
  expect(course_of([[1, 2]])).toBeNull();
  expect(course_of([])).toBeNull();
});
