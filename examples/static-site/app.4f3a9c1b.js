const now = new Date();
const open = now.getDay() >= 2 && now.getDay() <= 6 && now.getHours() >= 6 && now.getHours() < 13;
document.getElementById("open").textContent = open ? "The door is open." : "The oven sleeps. Back at six, Tuesday to Saturday.";
