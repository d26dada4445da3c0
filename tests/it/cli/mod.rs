mod commands;
mod crash;
mod demo;
mod doctor;
mod logs;
mod readme;
mod stop;
mod tokens;
