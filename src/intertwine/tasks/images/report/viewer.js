"use strict";
(() => {
  const data = JSON.parse(document.getElementById("turned").textContent);
  const angle = document.getElementById("angle"), shown = document.getElementById("shown");
  const figures = [...document.querySelectorAll("figure.turned")];

  function bars(box, item, index) {
    box.textContent = "";
    if (!item.bars) return;
    const order = item.values[index].map((value, k) => [value, k]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    for (const [value, k] of order) {
      const name = document.createElement("b"), bar = document.createElement("i"), share = document.createElement("span");
      name.textContent = item.bars[k];
      bar.style.background = data.blue;
      bar.style.width = 100 * value + "%";
      share.textContent = Math.round(100 * value) + " %";
      box.append(name, bar, share);
    }
  }

  function show() {
    const degrees = Number(angle.value), count = data.items[0].said.length;
    const index = Math.round(degrees / data.step) % count;
    shown.textContent = degrees + " degrees";
    figures.forEach((figure, k) => {
      const item = data.items[k], said = figure.querySelector(".said");
      figure.querySelector(".base").style.transform = `rotate(${-degrees}deg)`;
      const over = figure.querySelector(".over");
      if (over) over.src = item.overlays[index];
      said.textContent = item.said[index];
      said.style.color = `color-mix(in oklab, ${data.green} ${100 * item.right[index]}%, ${data.red})`;
      bars(figure.querySelector(".bars"), item, index);
    });
  }

  angle.addEventListener("input", show);
  for (const view of document.querySelectorAll(".view")) {
    let last = null;
    const where = event => {
      const box = view.getBoundingClientRect();
      return Math.atan2(box.top + box.height / 2 - event.clientY, event.clientX - box.left - box.width / 2) * 180 / Math.PI;
    };
    view.addEventListener("pointerdown", event => { last = where(event); view.setPointerCapture(event.pointerId); });
    view.addEventListener("pointerup", () => { last = null; });
    view.addEventListener("pointermove", event => {
      if (last === null) return;
      const now = where(event);
      angle.value = Math.round((Number(angle.value) + now - last + 720) % 360);
      last = now;
      show();
    });
  }
  show();
})();
