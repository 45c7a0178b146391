"use strict";
for (const input of document.querySelectorAll("input[data-stack]")) {
  const stack = document.getElementById(input.dataset.stack);
  const output = input.parentElement.querySelector("output");
  const set = () => {
    const value = input.value + (input.dataset.unit === "%" ? "%" : "");
    stack.style.setProperty(input.dataset.sets, value);
    output.textContent = input.value + input.dataset.unit;
  };
  input.addEventListener("input", set);
  set(); // browsers keep a slider's place when the page is loaded again
}
