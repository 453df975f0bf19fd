"use strict";
// The page is complete without this: it shows values while hovering, and hides lines whose legend entry is clicked.
(function () {
  var tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.appendChild(tip);

  function toggle(key) {
    var panel = key.closest(".panel");
    var off = key.classList.toggle("off");
    key.setAttribute("aria-pressed", String(!off));
    panel.querySelectorAll('.series[data-k="' + key.dataset.k + '"]').forEach(function (series) {
      series.classList.toggle("off", off);
    });
  }

  document.querySelectorAll(".panel .key").forEach(function (key) {
    key.setAttribute("role", "button");
    key.setAttribute("tabindex", "0");
    key.setAttribute("aria-pressed", "true");
    key.addEventListener("click", function () { toggle(key); });
    key.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        toggle(key);
      }
    });
  });

  function place(event) {
    var left = event.clientX + 16;
    if (left + tip.offsetWidth > document.documentElement.clientWidth - 8) {
      left = Math.max(8, event.clientX - tip.offsetWidth - 16);
    }
    tip.style.left = left + "px";
    tip.style.top = Math.max(8, Math.min(event.clientY + 12, window.innerHeight - tip.offsetHeight - 8)) + "px";
  }

  function fill(chart, point) {
    var data = chart.dataset, rows = [];
    chart.querySelectorAll(".series:not(.off)").forEach(function (series) {
      var value = series.dataset.y.split(",")[point];
      if (value) {
        rows.push({name: series.dataset.n, css: series.classList[1], value: value});
      }
    });
    rows.sort(function (a, b) { return b.value - a.value; });
    tip.textContent = chart.querySelector(".title").textContent + " at " + +(+data.x + point * data.step).toPrecision(4);
    rows.forEach(function (row) {
      var line = document.createElement("div"), name = document.createElement("span"), dot = document.createElement("i");
      line.className = row.css;
      name.appendChild(dot);
      name.appendChild(document.createTextNode(row.name));
      line.appendChild(name);
      line.appendChild(document.createTextNode(row.value));
      tip.appendChild(line);
    });
    return rows.length > 0;
  }

  function cursorOf(chart) {
    var cursor = chart.querySelector(".cursor");
    if (!cursor) {
      cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
      cursor.setAttribute("class", "cursor");
      chart.appendChild(cursor);
    }
    return cursor;
  }

  function move(chart, event) {
    var data = chart.dataset, box = chart.getBoundingClientRect(), width = chart.viewBox.baseVal.width;
    var x = (event.clientX - box.left) / box.width * width;
    var span = (data.last - data.x) / data.step;
    var point = Math.round((x - data.left) / (data.right - data.left) * span);
    point = Math.max(0, Math.min(Math.round(span), point));
    tip.hidden = !fill(chart, point);
    cursorOf(chart).setAttribute("d", "M" + (+data.left + point / span * (data.right - data.left)) + " 30V202");
    place(event);
  }

  document.querySelectorAll(".chart").forEach(function (chart) {
    ["pointermove", "pointerdown"].forEach(function (type) { // a finger may not move
      chart.addEventListener(type, function (event) { move(chart, event); });
    });
    chart.addEventListener("pointerleave", function () {
      tip.hidden = true;
      cursorOf(chart).remove();
    });
  });
})();
