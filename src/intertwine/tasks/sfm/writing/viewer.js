for (const canvas of document.querySelectorAll("canvas.scene")) {
  const scene = JSON.parse(canvas.dataset.scene);
  const pen = canvas.getContext("2d");
  let yaw = 0.8, pitch = 0.3, zoom = 1, held = null;
  const size = 0.12;

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = (canvas.width = canvas.clientWidth * ratio), height = (canvas.height = canvas.clientHeight * ratio);
    const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
    const place = ([x, y, z]) => {
      const a = cy * x + sy * z, b = -sy * x + cy * z;
      const depth = 4 + sp * y + cp * b;
      const f = (0.9 * zoom * Math.min(width, height) * 1.6) / Math.max(depth, 0.2);
      return [width / 2 + f * a, height / 2 + f * (cp * y - sp * b), depth];
    };
    pen.fillStyle = getComputedStyle(canvas).color;
    const dot = 1.3 * ratio;
    for (const point of scene.points) {
      const [u, v, depth] = place(point);
      if (depth <= 0.2) continue;
      pen.globalAlpha = Math.min(1, Math.max(0.15, 1.4 - depth / 5));
      pen.fillRect(u - dot / 2, v - dot / 2, dot, dot);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = "#d8442c";
    pen.fillStyle = "#d8442c";
    pen.lineWidth = 1.2 * ratio;
    pen.font = `${11 * ratio}px system-ui, sans-serif`;
    scene.centers.forEach((center, i) => {
      const r = scene.axes[i];
      const corner = (x, y) => place(center.map((c, k) => c + size * (x * r[k] + y * r[3 + k] + r[6 + k])));
      const tip = place(center);
      const corners = [corner(-0.6, -0.45), corner(0.6, -0.45), corner(0.6, 0.45), corner(-0.6, 0.45)];
      if (tip[2] <= 0.2 || corners.some((c) => c[2] <= 0.2)) return;
      pen.beginPath();
      corners.forEach((c, k) => {
        const next = corners[(k + 1) % 4];
        pen.moveTo(tip[0], tip[1]);
        pen.lineTo(c[0], c[1]);
        pen.lineTo(next[0], next[1]);
      });
      pen.stroke();
      if (scene.centers.length <= 40) pen.fillText(scene.names[i], tip[0] + 4 * ratio, tip[1] - 4 * ratio);
    });
  }

  canvas.addEventListener("pointerdown", (event) => {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    yaw += (event.clientX - held[0]) / 150;
    pitch += (event.clientY - held[1]) / 150;
    held = [event.clientX, event.clientY];
    draw();
  });
  canvas.addEventListener("pointerup", () => (held = null));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom *= Math.exp(-event.deltaY / 500);
    draw();
  }, { passive: false });
  window.addEventListener("resize", draw);
  draw();
}
